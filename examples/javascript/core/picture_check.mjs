/**
 * Find pictures that no one would recognise, and constant ones, as the package does in `images/picture_check.py` and
 * `images/pixels.py`, where the limits are explained.
 *
 * Both look at what the network sees: the output `pixels` of a standalone model, without its margin.
 */

import { roundHalfEven } from './like_python.mjs';

/** @typedef {{width: number, height: number, data: Uint8Array}} Pixels RGB, row by row */

/** Side of the central part, as a fraction of what the model looks at. */
const CENTRAL = 0.5;
/** Level of 255 that something in the central part must have. */
const DARK = 50;
/** Mean level above which a picture is nearly white. */
const BRIGHT = 180;
/** Level from which a colour may have been cut off; a pixel is burnt out where two of its three are. */
const CLIPPED = 254;
/** Share of the central part that may be burnt out. */
const MOST_CLIPPED = 0.04;
/** Standard deviation of the levels that the central part must have. */
const LEAST_CONTRAST = 9;
/** The mean level is that of every fourth pixel of every fourth row. */
const STEP = 4;

/**
 * Say why no one would recognise a picture; empty for a good one.
 *
 * @param {Pixels} pixels
 * @param {number} margin pixels along each edge that the model ignores
 * @returns {string}
 */
export function doubtOf(pixels, margin) {
  const seen = { left: margin, top: margin, right: pixels.width - margin, bottom: pixels.height - margin };
  const across = roundHalfEven(((1 - CENTRAL) / 2) * (seen.right - seen.left));
  const down = roundHalfEven(((1 - CENTRAL) / 2) * (seen.bottom - seen.top));
  const central = {
    left: seen.left + across,
    top: seen.top + down,
    right: seen.right - across,
    bottom: seen.bottom - down,
  };
  const colours = [...coloursIn(pixels, central)];
  const levels = colours.map(([red, green, blue]) => (red + green + blue) / 3);
  const second = colours.map(([red, green, blue]) =>
    Math.max(Math.min(red, green), Math.min(Math.max(red, green), blue)),
  );
  const burntOut = second.filter((level) => level >= CLIPPED).length / second.length;
  if (levels.every((level) => level < DARK)) return 'almost all black';
  if (mean([...coloursIn(pixels, seen, STEP)].flat()) > BRIGHT) return 'almost all white';
  if (burntOut > MOST_CLIPPED) return 'burnt out in the central part';
  if (spreadOf(levels) < LEAST_CONTRAST) return 'no contrast in the central part';
  return '';
}

/**
 * Tell whether every pixel that the model looks at is the same.
 *
 * @param {Pixels} pixels
 * @param {number} margin pixels along each edge that the model ignores
 */
export function isConstant(pixels, margin) {
  const seen = { left: margin, top: margin, right: pixels.width - margin, bottom: pixels.height - margin };
  /** @type {number[] | undefined} */
  let first;
  for (const colour of coloursIn(pixels, seen)) {
    first ??= colour;
    if (colour.some((level, place) => level !== /** @type {number[]} */ (first)[place])) return false;
  }
  return true;
}

/**
 * Yield the colours of the pixels in a part of a picture, or of every so many of them.
 *
 * @param {Pixels} pixels
 * @param {{left: number, top: number, right: number, bottom: number}} part
 * @param {number} step
 * @returns {Generator<[number, number, number]>}
 */
function* coloursIn({ width, data }, part, step = 1) {
  for (let row = part.top; row < part.bottom; row += step) {
    for (let column = part.left; column < part.right; column += step) {
      const place = 3 * (row * width + column);
      yield [data[place], data[place + 1], data[place + 2]];
    }
  }
}

/** @param {number[]} values */
function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** @param {number[]} values */
function spreadOf(values) {
  const centre = mean(values);
  return Math.sqrt(mean(values.map((value) => (value - centre) ** 2)));
}
