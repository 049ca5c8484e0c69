/** Check what a model gave for an image: only numbers that can be true pass (`inference/outputs.py` of the package). */

/** How far below 0 or above 1 a probability or familiarity may lie. */
const RANGE_TOLERANCE = 1e-3;
/** How far from 1 the probabilities may sum to, and what each class adds to this: an int8 output has 256 levels. */
const SUM_TOLERANCE = 1e-3;
const SUM_TOLERANCE_PER_CLASS = 1 / 512;
const LARGEST_SUM_TOLERANCE = 0.1;

/**
 * Say why the outputs for an image are no result; empty if they are one.
 *
 * @param {{probabilities: number[], familiarity: number | null}} outputs
 * @returns {string}
 */
export function faultOf({ probabilities, familiarity }) {
  const off = Math.min(SUM_TOLERANCE + probabilities.length * SUM_TOLERANCE_PER_CLASS, LARGEST_SUM_TOLERANCE);
  const sum = probabilities.reduce((total, value) => total + value, 0);
  if (!probabilities.every(Number.isFinite)) return 'the model gave no finite probabilities';
  if (!probabilities.every(isInRange)) return 'the model gave no probabilities: values outside 0 to 1';
  if (Math.abs(sum - 1) > off) return 'the model gave no probabilities: their sum is not 1';
  if (familiarity === null) return '';
  if (!Number.isFinite(familiarity)) return 'the model gave no finite familiarity';
  return isInRange(familiarity) ? '' : 'the model gave a familiarity outside 0 to 1';
}

/** @param {number} value */
function isInRange(value) {
  return value >= -RANGE_TOLERANCE && value <= 1 + RANGE_TOLERANCE;
}
