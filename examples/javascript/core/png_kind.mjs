/** Refuse PNGs that are not read, by their chunks: `images/pillow_faults.py` and `images/colour_space.py` of the package. */

import { ImageError } from './errors.mjs';

/** Transfer characteristics near that of sRGB, as ITU-T H.273 numbers them; 2 says that it is not known. */
const LIKE_SRGB = [1, 2, 4, 6, 13, 14, 15];
/** `gAMA`: 0.45 for sRGB, 1 for linear light. */
const LEAST_GAMMA = 0.36;
const MOST_GAMMA = 0.68;

/**
 * Check the chunks of a PNG that come before its pixels. Damage is left to the decoder to find.
 *
 * @param {Uint8Array} file
 * @throws {ImageError} if the PNG is of a kind that is not read
 */
export function checkPng(file) {
  const chunks = new Map(chunksOf(file));
  const header = chunks.get('IHDR');
  if (!header || header.byteLength < 13) return;
  const bits = header.getUint8(8);
  const isPalette = header.getUint8(9) === 3;
  const levels = chunks.get('tRNS');
  if (levels && !isPalette && (bits !== 8 || hasHighByte(levels))) {
    throw new ImageError(
      'unsupported pixels: a transparent colour that has not 8 bits; save it with an alpha channel',
    );
  }
  const animation = chunks.get('acTL');
  if (animation && animation.byteLength >= 4 && animation.getUint32(0) !== 1) {
    throw new ImageError('not supported here: animated PNG; save its first frame');
  }
  const transfer = chunks.get('cICP');
  if (transfer && transfer.byteLength === 4 && !LIKE_SRGB.includes(transfer.getUint8(1))) {
    throw new ImageError(
      `unsupported pixels: light of another curve (cICP ${transfer.getUint8(1)}); convert to sRGB`,
    );
  }
  const gamma = chunks.get('gAMA');
  if (gamma && gamma.byteLength >= 4 && !chunks.has('iCCP') && !chunks.has('sRGB')) {
    checkGamma(gamma.getUint32(0) / 100_000);
  }
}

/** @param {number} gamma */
function checkGamma(gamma) {
  if (gamma >= LEAST_GAMMA && gamma <= MOST_GAMMA) return;
  const shown = Number(gamma.toPrecision(6));
  throw new ImageError(
    `unsupported pixels: gamma ${shown} in place of 0.45455 of sRGB; convert the image to sRGB`,
  );
}

/** @param {DataView} levels */
function hasHighByte(levels) {
  for (let place = 0; place < levels.byteLength; place += 2) if (levels.getUint8(place) !== 0) return true;
  return false;
}

/**
 * Yield the name and the content of each chunk before the first of pixels.
 *
 * @param {Uint8Array} file
 * @returns {Generator<[string, DataView]>}
 */
function* chunksOf(file) {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  let position = 8;
  while (position + 8 <= file.length) {
    const length = view.getUint32(position);
    const name = String.fromCharCode(...file.subarray(position + 4, position + 8));
    position += 8;
    if (name === 'IDAT' || length > file.length - position) return;
    yield [name, new DataView(file.buffer, file.byteOffset + position, length)];
    position += length + 4;
  }
}
