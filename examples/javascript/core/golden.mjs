/** The self-test: classify the golden images beside a model, and compare with what is recorded. */

import { sha256Of } from './classifier.mjs';
import { ModelError } from './errors.mjs';

/** Largest difference of a colour value, in levels of 255: decoders and processors round differently. */
const PIXEL_TOLERANCE = 1;
/** Largest tolerance of probabilities that a golden file may set, and the one that is used if it sets none. */
const LARGEST_TOLERANCE = 0.02;
const PROBABILITY_TOLERANCE = 1e-4;

/**
 * How far an image of the golden file is from its record. `reason` says why it could not be classified; usually empty.
 *
 * @typedef {{name: string, reason: string, pixels: number, probability: number, familiarity: number}} Difference
 */

/**
 * Classify the golden images.
 *
 * @param {import('./classifier.mjs').Classifier} classifier
 * @param {any} golden the content of the file `NAME.golden.json`
 * @param {(file: Uint8Array) => Promise<import('./classifier.mjs').Image>} decode
 * @returns {Promise<{differences: Difference[], failures: string[], tolerance: number}>} `failures` says what differs
 * @throws {ModelError} if the golden file belongs to another model, or is none
 */
export async function selfTest(classifier, golden, decode) {
  if (!Array.isArray(golden?.images) || golden.images.length === 0) throw new ModelError('has no golden images');
  if (golden.model_sha256 !== classifier.sha256) {
    throw new ModelError(`belongs to another model, with the SHA-256 ${golden.model_sha256}`);
  }
  const tolerance = Math.min(golden.probability_tolerance ?? PROBABILITY_TOLERANCE, LARGEST_TOLERANCE);
  const differences = [];
  for (const image of golden.images) differences.push(await differenceOf(classifier, image, decode));
  const failures = differences.flatMap((difference) => failuresOf(difference, tolerance));
  return { differences, failures, tolerance };
}

/**
 * @param {import('./classifier.mjs').Classifier} classifier
 * @param {any} image
 * @param {(file: Uint8Array) => Promise<import('./classifier.mjs').Image>} decode
 * @returns {Promise<Difference>}
 */
async function differenceOf(classifier, image, decode) {
  try {
    const outputs = await classifier.run(await decode(fromBase64(image.content)));
    const familiarity = image.familiarity === undefined ? [] : [image.familiarity];
    return {
      name: image.name,
      reason: '',
      pixels: farthest(fromBase64(image.pixels), outputs.pixels.data),
      probability: farthest(image.probabilities, outputs.probabilities),
      familiarity: farthest(familiarity, outputs.familiarity === null ? [] : [outputs.familiarity]),
    };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { name: image.name, reason, pixels: Infinity, probability: Infinity, familiarity: Infinity };
  }
}

/**
 * @param {Difference} difference
 * @param {number} tolerance
 */
function failuresOf({ name, reason, pixels, probability, familiarity }, tolerance) {
  if (reason) return [`${name}: ${reason}`];
  const failures = [];
  // Not "greater than": a value that is no number fails as well.
  if (!(pixels <= PIXEL_TOLERANCE)) failures.push(`${name}: pixels differ by ${pixels} levels`);
  if (!(probability <= tolerance)) failures.push(`${name}: probabilities differ by ${probability}`);
  if (!(familiarity <= tolerance)) failures.push(`${name}: familiarity differs by ${familiarity}`);
  return failures;
}

/**
 * Return the largest difference between two lists of numbers; infinite if they have not the same length.
 *
 * @param {ArrayLike<number>} wanted
 * @param {ArrayLike<number>} found
 */
function farthest(wanted, found) {
  if (wanted.length !== found.length) return Infinity;
  return Array.from(wanted, (value, place) => Math.abs(value - found[place])).reduce(larger, 0);
}

/**
 * @param {number} one
 * @param {number} other
 */
function larger(one, other) {
  return Math.max(one, other);
}

/** @param {string} text */
function fromBase64(text) {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
