/** Refuse images whose colour profile is far from sRGB, as of linear light: `images/colour_space.py` of the package. */

import { ImageError } from './errors.mjs';

/** Light at half of the greatest level: 0.21 for sRGB, 0.29 for a gamma of 1.8, 0.5 for linear light. */
const LEAST_LIGHT = 0.1;
const MOST_LIGHT = 0.36;
const LIGHT_OF_SRGB = 0.5 ** 2.2;
/** Tags that hold the curve of grey, red, green and blue. */
const CURVES = ['kTRC', 'rTRC', 'gTRC', 'bTRC'];

/**
 * Check the ICC profile of an image.
 *
 * @param {Uint8Array} profile
 * @throws {ImageError} if it is far from sRGB
 */
export function checkProfile(profile) {
  if (profile.length < 132) return;
  const light = lightAtHalf(new DataView(profile.buffer, profile.byteOffset, profile.byteLength));
  if (!(light >= LEAST_LIGHT && light <= MOST_LIGHT)) {
    throw new ImageError('unsupported pixels: a profile far from sRGB, as of linear light; convert to sRGB');
  }
}

/**
 * Return the light of the level 0.5 by the first curve of a profile; that of sRGB if it has none.
 *
 * @param {DataView} profile
 * @see ICC.1:2022, sections 7.3 (tag table), 10.6 (`curv`) and 10.18 (`para`)
 */
function lightAtHalf(profile) {
  try {
    const count = Math.min(profile.getUint32(128), 100);
    for (let entry = 132; entry < 132 + 12 * count; entry += 12) {
      if (CURVES.includes(nameAt(profile, entry))) return valueAtHalf(profile, profile.getUint32(entry + 4));
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error; // what ends too early has no curve
  }
  return LIGHT_OF_SRGB;
}

/**
 * @param {DataView} profile
 * @param {number} curve where it begins
 */
function valueAtHalf(profile, curve) {
  const kind = nameAt(profile, curve);
  if (kind === 'curv') {
    const count = profile.getUint32(curve + 8);
    if (count === 0) return 0.5;
    if (count === 1) return 0.5 ** (profile.getUint16(curve + 12) / 256);
    return profile.getUint16(curve + 12 + 2 * Math.floor(count / 2)) / 65535;
  }
  if (kind !== 'para') return LIGHT_OF_SRGB;
  const [gamma, a, b] = [12, 16, 20].map((place) => fixedAt(profile, curve + place));
  return profile.getUint16(curve + 8) === 0 ? 0.5 ** gamma : Math.max(0, a * 0.5 + b) ** gamma;
}

/**
 * @param {DataView} profile
 * @param {number} place
 */
function nameAt(profile, place) {
  return String.fromCharCode(...[0, 1, 2, 3].map((byte) => profile.getUint8(place + byte)));
}

/**
 * Read a signed number with 16 bits behind the point; 0 behind the end.
 *
 * @param {DataView} profile
 * @param {number} place
 */
function fixedAt(profile, place) {
  return place + 4 <= profile.byteLength ? profile.getInt32(place) / 65536 : 0;
}
