/**
 * Keep the whole folder in the browser, so that the page works without network.
 *
 * The build puts `VERSION` and `FILES` (path and SHA-256 of each file) before this. All files are of one build: a new one
 * is fetched beside the old one, and used when no page is open any more.
 */

/* global VERSION, FILES */

const PREFIX = `galaxy-classify ${self.registration.scope} `;
const CACHE = PREFIX + VERSION;

self.addEventListener('install', (event) => event.waitUntil(fetchAll()));
self.addEventListener('activate', (event) => event.waitUntil(begin()));
self.addEventListener('fetch', (event) => {
  const { method, url } = event.request;
  if (method === 'GET' && url.startsWith(self.registration.scope)) event.respondWith(answer(event.request));
});

async function fetchAll() {
  const cache = await caches.open(CACHE);
  const requests = FILES.map(([path, sha256]) => new Request(path, { cache: 'no-cache', integrity: `sha256-${sha256}` }));
  await cache.addAll(requests);
}

async function begin() {
  const names = await caches.keys();
  await Promise.all(names.filter((name) => name.startsWith(PREFIX) && name !== CACHE).map((name) => caches.delete(name)));
  await self.clients.claim();
}

/** @param {Request} request */
async function answer(request) {
  const cache = await caches.open(CACHE);
  const address = request.url.split(/[?#]/)[0];
  const kept = await cache.match(address === self.registration.scope ? `${address}index.html` : address);
  return kept ?? fetch(request);
}
