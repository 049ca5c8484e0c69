/** Decode and classify images in a thread of its own, so that the page stays responsive. */

import * as ort from 'onnxruntime-web/wasm';

import { Classifier } from '../../javascript/core/classifier.mjs';
import { ImageError, ModelError } from '../../javascript/core/errors.mjs';
import { selfTest } from '../../javascript/core/golden.mjs';
import { decodeImage } from './decode.mjs';

/**
 * What the page needs to know of the model. `tested` is the number of golden images that the self-test has compared.
 *
 * @typedef {object} Model
 * @property {string} identity name @ first 12 characters of the SHA-256
 * @property {string[]} classes
 * @property {boolean} hasFamiliarity
 * @property {number} tested
 * @property {number} largestDifference of their probabilities from those recorded
 */

/** @typedef {import('../../javascript/core/classifier.mjs').Outputs['pixels']} Picture what the network saw: RGB, row by row */

/**
 * Probabilities of golden images may differ by this in a browser whose JPEG decoder rounds otherwise than Pillow's: two levels
 * of 255 more or less in all pixels change them by 0.002.
 */
const MOST_DIFFERENCE = 0.01;

// One thread: more would need headers that isolate the page, which not every web server sends.
ort.env.wasm.numThreads = 1;
ort.env.wasm.wasmPaths = { wasm: here('onnxruntime/ort-wasm-simd-threaded.wasm') };

const loading = load();

/** The image before, as one is classified after the other; the next ones are decoded meanwhile. */
let turn = loading.then(
  ({ model }) => postMessage({ kind: 'ready', model }),
  (error) => postMessage({ kind: 'failed', message: messageOf(error) }),
);

/** @param {MessageEvent<{id: number, path: string, file?: Blob, fault?: string}>} event */
onmessage = ({ data: { id, path, file, fault } }) => {
  const before = turn;
  const decoding = file ? decodeImage(file, () => before).catch((error) => error) : new ImageError(fault);
  turn = turn.then(async () => {
    try {
      postMessage({ kind: 'row', id, ...(await classify(path, await decoding)) });
    } catch (error) {
      postMessage({ kind: 'failed', id, message: messageOf(error) });
    }
  });
};

async function load() {
  const [file, { sha256, golden }] = await Promise.all([fetched('model.onnx'), fetched('build.json').then(asJson)]);
  // Without HTTPS, browsers compute no SHA-256.
  const classifier = await Classifier.load(ort, file, globalThis.crypto.subtle ? {} : { sha256 });
  const { identity, classes, hasFamiliarity } = classifier;
  const test = golden ? await testBrowser(classifier) : { tested: 0, largestDifference: 0 };
  return { classifier, /** @type {Model} */ model: { identity, classes, hasFamiliarity, ...test } };
}

/**
 * Classify the golden images. A browser whose JPEG decoder is another one may differ a little; one that falsifies what is
 * read from a canvas, to protect its user from being recognised, must not be used.
 *
 * @param {Classifier} classifier
 */
async function testBrowser(classifier) {
  const { differences } = await selfTest(classifier, asJson(await fetched('golden.json')), decodeBytes);
  const largestDifference = Math.max(...differences.map(({ probability }) => probability));
  // Not "greater than": a value that is no number fails as well.
  if (!(largestDifference <= MOST_DIFFERENCE)) {
    const worst = differences.find(({ probability }) => probability === largestDifference);
    throw new ModelError(
      `in this browser the self-test fails: ${worst?.name}: ${worst?.reason || `probabilities differ by ${largestDifference}`}. ` +
        'Perhaps it changes the pixels of images, to protect your privacy; allow this page to read canvases',
    );
  }
  return { tested: differences.length, largestDifference };
}

/**
 * @param {string} path
 * @param {import('../../javascript/core/classifier.mjs').Image | Error} image
 */
async function classify(path, image) {
  const { classifier } = await loading;
  if (image instanceof ImageError) return { row: classifier.failure(path, image.message), picture: null };
  if (image instanceof Error) throw image;
  /** @type {Picture | null} */
  let picture = null;
  const row = await classifier.classify(path, image, (pixels) => {
    picture = withoutMargin(pixels, classifier.margin);
  });
  return { row, picture };
}

/**
 * Cut off the margin, which the network did not see.
 *
 * @param {Picture} pixels
 * @param {number} margin
 * @returns {Picture}
 */
function withoutMargin({ width, height, data }, margin) {
  const seen = { width: width - 2 * margin, height: height - 2 * margin };
  const rows = new Uint8Array(3 * seen.width * seen.height);
  for (let row = 0; row < seen.height; row += 1) {
    const from = 3 * ((row + margin) * width + margin);
    rows.set(data.subarray(from, from + 3 * seen.width), 3 * row * seen.width);
  }
  return { ...seen, data: rows };
}

/** @param {Uint8Array} bytes */
function decodeBytes(bytes) {
  return decodeImage(new Blob([/** @type {BlobPart} */ (bytes)]), async () => {});
}

/** @param {string} name of a file of the page */
async function fetched(name) {
  const response = await fetch(here(name));
  if (!response.ok) throw new ModelError(`${name} cannot be loaded: ${response.status} ${response.statusText}`);
  return new Uint8Array(await response.arrayBuffer());
}

/** @param {Uint8Array} bytes */
function asJson(bytes) {
  return JSON.parse(new TextDecoder().decode(bytes));
}

/** @param {string} name */
function here(name) {
  return new URL(name, import.meta.url).href;
}

/** @param {unknown} error */
function messageOf(error) {
  return error instanceof Error ? error.message : String(error);
}
