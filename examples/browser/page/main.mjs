/** The page: takes files, shows the progress and the results. */

import { MIN_EDGE, MIN_FAMILIARITY, THRESHOLD } from '../../javascript/core/classifier.mjs';
import { csvHeader, csvRow } from '../../javascript/core/csv.mjs';
import { chosenInputs, droppedInputs } from './files.mjs';
import { WorkQueue } from './queue.mjs';
import { dot, make, ResultTable } from './table.mjs';
import { scriptAddress } from './trusted.mjs';

/** @typedef {import('./worker.mjs').Model} Model */

const LIMITS = { confidence: THRESHOLD, familiarity: MIN_FAMILIARITY, edge: MIN_EDGE };

/** Seconds between two announcements of the progress. */
const BETWEEN_ANNOUNCEMENTS = 10;

const table = new ResultTable(announce);
const queue = new WorkQueue({ onReady: showModel, onRow: takeRow, onBroken: showFailure });

/** @type {Model | null} */
let model = null;
let isBroken = false;
/** What is being done: since when, with which total, and how many rows there were before. */
let run = { began: 0, before: 0, total: 0, announced: 0, remark: '' };

/**
 * @param {string} id
 * @returns {any}
 */
function byId(id) {
  return document.getElementById(id);
}

/**
 * @param {number} number
 * @param {string} what one of them is
 */
function counted(number, what) {
  return `${number.toLocaleString('en-US')} ${what}${number === 1 ? '' : 's'}`;
}

/** @param {number} number */
function images(number) {
  return counted(number, 'image');
}

/** @param {string} text for those who cannot see the page */
function announce(text) {
  byId('announcement').textContent = text;
}

/** @param {Model} loaded */
function showModel(loaded) {
  if (model) return; // the same one, in a worker that was started anew
  model = loaded;
  byId('model').textContent = model.identity;
  byId('classes').replaceChildren(...model.classes.map((name, place) => make('li', {}, dot(place), name)));
  byId('self-test').textContent = model.tested
    ? `passed: ${images(model.tested)} as recorded, probabilities within ${model.largestDifference.toPrecision(1)}`
    : 'none: the page was built without golden images';
  table.setModel(model);
}

/** @param {string} message */
function showFailure(message) {
  isBroken = true;
  for (const id of ['choose-files', 'choose-folder']) byId(id).disabled = true;
  byId('alert').textContent = `Nothing can be classified: ${message}`;
  byId('alert').hidden = false;
  if (!model) byId('model').textContent = 'cannot be used';
  if (!table.results.length) byId('results').hidden = true;
  showProgress();
}

/** @param {import('./files.mjs').Found} found */
function take({ inputs, skipped }) {
  if (isBroken) return;
  const skippedText = skipped ? `${counted(skipped, 'file')} without an image suffix skipped` : '';
  if (!queue.left) {
    run = { began: performance.now(), before: table.results.length, total: 0, announced: performance.now(), remark: '' };
  }
  run.total += inputs.length;
  run.remark = skippedText;
  byId('results').hidden = false;
  queue.add(inputs);
  announce([`${images(inputs.length)} added`, skippedText].filter(Boolean).join('; '));
  showProgress();
}

/**
 * @param {import('../../javascript/core/csv.mjs').Row} row
 * @param {import('./worker.mjs').Picture | null} picture what the network saw
 */
function takeRow(row, picture) {
  table.add(row, picture);
  showProgress();
  const now = performance.now();
  if (!queue.left) {
    table.draw();
    const counts = [...table.counts()].filter(([, count]) => count).map(([status, count]) => `${count} ${status}`);
    announce(`Done: ${images(table.results.length)}, ${counts.join(', ')}`);
  } else if (now - run.announced > 1000 * BETWEEN_ANNOUNCEMENTS) {
    run.announced = now;
    announce(byId('progress-text').textContent);
  }
}

function showProgress() {
  const done = table.results.length - run.before;
  const isRunning = queue.left > 0;
  const speed = done / ((performance.now() - run.began) / 1000);
  const state = !isRunning ? images(table.results.length)
    : model ? `${done.toLocaleString('en-US')} of ${images(run.total)}, ${speed.toFixed(speed < 10 ? 1 : 0)} a second`
      : `${images(run.total)} waiting for the model to load`;
  byId('progress-text').textContent = [state, run.remark].filter(Boolean).join('; ');
  byId('progress').hidden = !isRunning;
  byId('progress').max = Math.max(1, run.total);
  byId('progress').value = done;
  byId('stop').hidden = !isRunning;
  byId('save').disabled = !table.results.length;
}

function stop() {
  const stopped = queue.stop();
  run.total -= stopped;
  run.remark = stopped ? `stopped: ${images(stopped)} not classified` : run.remark;
  showProgress();
  announce(`Stopped: ${images(stopped)} not classified`);
  byId('results-title').focus();
}

function clear() {
  queue.clear();
  table.clear();
  byId('results').hidden = true;
  announce('Cleared');
  byId('choose-files').focus();
}

/** Save all rows in the order of the inputs, as the command writes them. */
function save() {
  if (!model) return;
  const { classes, hasFamiliarity } = model;
  const layout = { classes, hasFamiliarity };
  const lines = table.results.map(({ row }) => csvRow(row, layout));
  const address = URL.createObjectURL(new Blob([csvHeader(layout), ...lines], { type: 'text/csv' }));
  const link = make('a', { href: address, download: 'galaxies.csv' });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000); // the browser may still be asking where to save it
}

/** Let the browser keep this folder, so that the page works without network from now on. */
async function keepForOffline() {
  if (!('serviceWorker' in navigator)) return 'not possible here: browsers allow it with HTTPS or from localhost only';
  try {
    const registration = await navigator.serviceWorker.register(scriptAddress('service_worker.js'));
    if (!registration.active && registration.installing) await activated(registration.installing);
    return 'ready: the browser has kept this page';
  } catch (error) {
    return `not possible: ${/** @type {Error} */ (error).message}`;
  }
}

/** @param {ServiceWorker} worker */
function activated(worker) {
  return new Promise((resolve, reject) => {
    worker.addEventListener('statechange', () => {
      if (worker.state === 'activated') resolve(worker);
      else if (worker.state === 'redundant') reject(new Error('a file is missing, or is not as it was built'));
    });
  });
}

/** Take what is dropped anywhere on the page: a little beside the frame, the browser would leave the page. */
function listenToDrops() {
  const frame = byId('drop').classList;
  let depth = 0;
  document.addEventListener('dragenter', () => {
    depth += 1;
    frame.add('over');
  });
  document.addEventListener('dragleave', () => {
    depth -= 1;
    if (depth <= 0) frame.remove('over');
  });
  document.addEventListener('dragover', (event) => event.preventDefault());
  document.addEventListener('drop', async (event) => {
    event.preventDefault();
    depth = 0;
    frame.remove('over');
    if (event.dataTransfer?.files.length) take(await droppedInputs(event.dataTransfer));
  });
}

for (const [name, limit] of Object.entries(LIMITS)) {
  for (const element of document.querySelectorAll(`[data-limit=${name}]`)) element.textContent = String(limit);
}
for (const [button, input] of [['choose-files', 'files'], ['choose-folder', 'folder']]) {
  byId(button).addEventListener('click', () => byId(input).click());
  byId(input).addEventListener('change', () => {
    const found = chosenInputs(byId(input).files);
    byId(input).value = ''; // so that the same files can be chosen again
    take(found);
  });
}
byId('stop').addEventListener('click', stop);
byId('clear').addEventListener('click', clear);
byId('save').addEventListener('click', save);
listenToDrops();
byId('offline').textContent = await keepForOffline();
