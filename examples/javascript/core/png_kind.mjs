/** Refuse PNGs that are not read, by their chunks: `images/pillow_faults.py` and `images/colour_space.py` of the package. */

import { ImageError } from './errors.mjs';

/** Transfer characteristics near that of sRGB, as ITU-T H.273 numbers them; 2 says that it is not known. */
const LIKE_SRGB = [1, 2, 4, 6, 13, 14, 15];
/** `gAMA`: 0.45 for sRGB, 1 for linear light. */
const LEAST_GAMMA = 0.36;
const MOST_GAMMA = 0.68;

/**
 * Check the chunks of a PNG that come before its pixels. Damage behind them is left to the decoder to find.
 *
 * @param {Uint8Array} file
 * @throws {ImageError} if the PNG is of a kind that is not read
 */
export function checkPng(file) {
  const chunks = new Map(chunksOf(file));
  const header = chunks.get('IHDR');
  if (!header || header.byteLength < 13) return;
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
  if (gamma && gamma.byteLength >= 4 && !chunks.has('sRGB')) {
    checkGamma(gamma.getUint32(0) / 100_000, chunks.has('iCCP'));
  }
  const levels = chunks.get('tRNS');
  if (levels) checkTransparency(levels, header.getUint8(8), header.getUint8(9), chunks.get('PLTE'));
}

/**
 * @param {DataView} levels content of `tRNS`
 * @param {number} bits of a sample
 * @param {number} colour 0 for grey, 2 for RGB, 3 for a palette, and 4 more with an alpha channel
 * @param {DataView | undefined} palette
 */
function checkTransparency(levels, bits, colour, palette) {
  if (colour === 3 && palette && 3 * levels.byteLength > palette.byteLength) {
    // libpng leaves it out, Pillow does not.
    throw new ImageError('not supported here: a palette with more levels of transparency than colours');
  }
  if (colour !== 0 && colour !== 2) return;
  if (bits === 2 || bits === 4 || (colour === 2 && bits === 16) || (bits === 8 && hasHighByte(levels))) {
    throw new ImageError(
      'unsupported pixels: a transparent colour that has not 8 bits; save it with an alpha channel',
    );
  }
}

/**
 * @param {number} gamma
 * @param {boolean} hasProfile whether there is a colour profile, which counts instead unless it is empty
 */
function checkGamma(gamma, hasProfile) {
  if (gamma >= LEAST_GAMMA && gamma <= MOST_GAMMA) return;
  if (hasProfile) throw new ImageError('not supported here: a gamma far from that of sRGB beside a colour profile');
  // As Python writes it: 1e-05, and not 0.00001.
  const shown = gamma > 0 && gamma < 1e-4 ? `${Math.round(gamma * 100_000)}e-05` : Number(gamma.toPrecision(6));
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
 * @throws {ImageError} if a checksum is wrong; libpng leaves such a chunk out, but Pillow refuses the file
 */
function* chunksOf(file) {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  let position = 8;
  while (position + 8 <= file.length) {
    const length = view.getUint32(position);
    const name = String.fromCharCode(...file.subarray(position + 4, position + 8));
    position += 8;
    if (name === 'IDAT' || length > file.length - position) return;
    const end = position + length;
    if (end + 4 > file.length || crc32(file.subarray(position - 4, end)) !== view.getUint32(end)) {
      throw new ImageError('damaged or incomplete image: its PNG header cannot be read');
    }
    yield [name, new DataView(file.buffer, file.byteOffset + position, length)];
    position += length + 4;
  }
}

/**
 * Return the checksum of a chunk's name and content.
 *
 * @param {Uint8Array} bytes
 * @see Portable Network Graphics (PNG) Specification, third edition, annex D
 */
function crc32(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return ~crc >>> 0;
}
