/** Build the page: a folder of static files that classify galaxies in a browser, from any web server. */

import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { ModelError } from '../javascript/core/errors.mjs';
import { readMetadata } from '../javascript/core/onnx_metadata.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const PAGE = join(HERE, 'page');
const CORE = join(HERE, '..', 'javascript', 'core');
const RUNTIME = join(HERE, 'node_modules', 'onnxruntime-web');
const LICENCE = join(HERE, '..', '..', 'LICENSE');
const RUNTIME_MODULE = 'ort.wasm.bundle.min.mjs';
const SERVICE_WORKER = 'service_worker.js';
/** Says what was built; only a folder with this file is ever replaced. */
const BUILD = 'build.json';

const HELP = `Usage: npm run build -- --model FILE.onnx --out FOLDER

Write a static page that classifies galaxies in the browser.

  --model FILE.onnx   standalone model, from  galaxy-classify standalone FILE.onnx
  --golden FILE       its golden images, with which the page tests each browser (default: FILE.golden.json beside it)
  --out FOLDER        where to write; a page that was built there before is replaced
  --help              show this help`;

class UsageError extends Error {}

/** Return the options of the command line. */
function readOptions() {
  const text = /** @type {const} */ ({ type: 'string' });
  try {
    const { values } = parseArgs({ options: { model: text, golden: text, out: text, help: { type: 'boolean' } } });
    return values;
  } catch (error) {
    throw new UsageError(/** @type {Error} */ (error).message);
  }
}

/**
 * Read a file that the user has named.
 *
 * @param {string} path
 */
async function readNamed(path) {
  try {
    return await readFile(path);
  } catch (error) {
    throw new UsageError(`${path}: cannot be read: ${/** @type {Error} */ (error).message}`);
  }
}

/**
 * Return the files of the page by name.
 *
 * @param {string} modelPath
 * @param {string | undefined} goldenPath
 */
async function filesOfPage(modelPath, goldenPath) {
  const model = await readNamed(modelPath);
  const contract = contractOf(model, modelPath);
  if (contract !== 'standalone') {
    throw new ModelError(`${modelPath}: no standalone model; write one with: galaxy-classify standalone FILE.onnx`);
  }
  const sha256 = createHash('sha256').update(model).digest('hex');
  const beside = modelPath.replace(/\.onnx$/, '') + '.golden.json';
  const golden = goldenPath ?? (existsSync(beside) ? beside : undefined);
  if (!existsSync(RUNTIME)) throw new UsageError('onnxruntime-web is not installed: run  npm ci  first');

  /** @type {Map<string, Buffer>} */
  const files = new Map();
  for (const name of await readdir(PAGE)) files.set(name, await readFile(join(PAGE, name)));
  for (const name of await readdir(CORE)) files.set(`core/${name}`, await readFile(join(CORE, name)));
  for (const name of [RUNTIME_MODULE, 'ort-wasm-simd-threaded.wasm']) {
    files.set(`onnxruntime/${name}`, await readFile(join(RUNTIME, 'dist', name)));
  }
  files.set('model.onnx', model);
  if (golden) files.set('golden.json', goldenOf(await readNamed(golden), golden, sha256));
  files.set(BUILD, asJson({ sha256, golden: golden !== undefined }));
  files.set('licences.txt', await licences());
  return asScripts(files);
}

/**
 * @param {Buffer} model
 * @param {string} path
 */
function contractOf(model, path) {
  try {
    return readMetadata(model).get('galaxy_classify.contract');
  } catch (error) {
    throw error instanceof ModelError ? new ModelError(`${path}: ${error.message}`) : error;
  }
}

/**
 * @param {Buffer} content
 * @param {string} path
 * @param {string} sha256 of the model
 */
function goldenOf(content, path, sha256) {
  let golden;
  try {
    golden = JSON.parse(content.toString());
  } catch {
    throw new ModelError(`${path}: not JSON`);
  }
  if (golden.model_sha256 !== sha256) throw new ModelError(`${path}: belongs to another model, ${golden.model_sha256}`);
  return content;
}

/** @param {unknown} value */
function asJson(value) {
  return Buffer.from(`${JSON.stringify(value)}\n`);
}

async function licences() {
  const { version } = JSON.parse(await readFile(join(RUNTIME, 'package.json'), 'utf-8'));
  const own = await readFile(LICENCE, 'utf-8');
  const runtime = await readFile(join(HERE, 'onnxruntime.LICENSE'), 'utf-8');
  return Buffer.from(`This page and its model, galaxy-classify\n\n${own}\n\nONNX Runtime Web ${version}\n\n${runtime}`);
}

/**
 * Give modules the names that they have in the page. These end in .js: not every web server knows that .mjs is JavaScript,
 * and browsers run nothing else.
 *
 * @param {Map<string, Buffer>} files
 */
function asScripts(files) {
  /** @type {Map<string, Buffer>} */
  const renamed = new Map();
  for (const [name, content] of files) {
    const isOwnText = /\.(mjs|html)$/.test(name) && !name.startsWith('onnxruntime/');
    renamed.set(name.replace(/\.mjs$/, '.js'), isOwnText ? Buffer.from(withNames(content.toString())) : content);
  }
  return renamed;
}

/** @param {string} text */
function withNames(text) {
  return text
    .replaceAll("'onnxruntime-web/wasm'", `'./onnxruntime/${RUNTIME_MODULE}'`)
    .replaceAll('../../javascript/core/', './core/')
    .replace(/\.mjs(?=['"])/g, '.js');
}

/**
 * Add to the service worker what it has to keep.
 *
 * @param {Map<string, Buffer>} files
 */
function withFileList(files) {
  const kept = [...files].filter(([name]) => name !== SERVICE_WORKER).sort(([one], [other]) => (one < other ? -1 : 1));
  const sums = kept.map(([name, content]) => [name, createHash('sha256').update(content).digest('base64')]);
  const list = JSON.stringify(sums);
  const version = createHash('sha256').update(list).digest('hex').slice(0, 12);
  const code = /** @type {Buffer} */ (files.get(SERVICE_WORKER)).toString();
  return new Map(files).set(SERVICE_WORKER, Buffer.from(`const VERSION = '${version}';\nconst FILES = ${list};\n\n${code}`));
}

/**
 * Write the files beside the folder, and put it in its place when all are there.
 *
 * @param {Map<string, Buffer>} files
 * @param {string} out
 */
async function write(files, out) {
  const before = existsSync(out) ? await readdir(out) : [];
  if (before.length && !before.includes(BUILD)) {
    throw new UsageError(`${out}: holds other files; name an empty folder, or one that does not exist`);
  }
  await mkdir(dirname(out), { recursive: true });
  const unfinished = await mkdtemp(join(dirname(out), `.${basename(out)}-`));
  try {
    for (const [name, content] of files) {
      const path = join(unfinished, name);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, content);
    }
    await chmod(unfinished, 0o755); // a web server may be another user
    await rm(out, { recursive: true, force: true });
    await rename(unfinished, out);
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
}

async function main() {
  const { model, golden, out, help } = readOptions();
  if (help) {
    console.log(HELP);
    return;
  }
  if (!model || !out) throw new UsageError('--model FILE.onnx and --out FOLDER are needed');
  const files = withFileList(await filesOfPage(model, golden));
  await write(files, resolve(out));
  const bytes = [...files.values()].reduce((sum, content) => sum + content.length, 0);
  console.log(`${out}: ${files.size} files, ${(bytes / 1e6).toFixed(1)} MB. Look at it:  python3 -m http.server --directory ${out}`);
}

try {
  await main();
} catch (error) {
  if (!(error instanceof UsageError) && !(error instanceof ModelError) && !('code' in /** @type {object} */ (error))) throw error;
  console.error(`build: ${/** @type {Error} */ (error).message}`);
  process.exitCode = error instanceof ModelError ? 3 : 2;
}
