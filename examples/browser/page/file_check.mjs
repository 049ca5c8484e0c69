/**
 * Refuse image files that a browser decodes although the package refuses them: those that are cut off first of all, of
 * which browsers show the part that is there. Of the other formats see `images/pillow_faults.py` of the package.
 */

import { ImageError } from './core/errors.mjs';
import { formatOf, whyNotAnImage, whyTooLarge } from './core/image_format.mjs';

/** @typedef {{width: number, height: number, note: string}} Header what a file says of its picture */

const FIRST_FRAME = 'first frame of several';
const MIN_EDGE = 16;

/** Scans of a progressive JPEG. Each takes as long as the picture has pixels, even if it has a few bytes only. */
const MOST_SCANS = 100;

/** Markers that begin a frame of a JPEG, by what they say of it; those that are not here are read. */
const UNSUPPORTED_FRAMES = new Map([
  [0xc3, 'lossless'],
  [0xc5, 'hierarchical'],
  [0xc6, 'hierarchical'],
  [0xc7, 'lossless, hierarchical'],
  [0xc9, 'arithmetic coding'],
  [0xca, 'progressive, arithmetic coding'],
  [0xcb, 'lossless, arithmetic coding'],
  [0xcd, 'hierarchical, arithmetic coding'],
  [0xce, 'hierarchical, arithmetic coding'],
  [0xcf, 'lossless, hierarchical, arithmetic coding'],
]);

/** `gAMA` of PNG: 0.45 for sRGB, 1 for linear light. */
const [LEAST_GAMMA, MOST_GAMMA] = [0.36, 0.68];

/** Transfer characteristics near that of sRGB, as ITU-T H.273 numbers them; 2 says that it is not known. */
const LIKE_SRGB = [1, 2, 4, 6, 13, 14, 15];

/** @type {Record<string, (bytes: Uint8Array, view: DataView) => Header>} */
const CHECKS = { JPEG: checkJpeg, PNG: checkPng, GIF: checkGif, WEBP: checkWebp, BMP: checkBmp };

/** Formats that every browser decodes. */
export const FORMATS = Object.keys(CHECKS);

/**
 * Check an image file, and return what its header says.
 *
 * @param {Uint8Array} bytes the whole file
 * @returns {Header}
 * @throws {ImageError} with the message of its row
 */
export function checkFile(bytes) {
  const format = formatOf(bytes) ?? '';
  const check = CHECKS[format];
  if (!check) throw new ImageError(whyNotDecoded(bytes, format));
  let header;
  try {
    header = check(bytes, new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  } catch (error) {
    // Whatever lies beyond the file's end is missing.
    throw error instanceof RangeError ? truncated() : error;
  }
  const { width, height } = header;
  const message = whyTooLarge(width, height);
  if (message) throw new ImageError(message);
  if (Math.min(width, height) < MIN_EDGE) {
    throw new ImageError(`image too small: ${width} x ${height} pixels, at least ${MIN_EDGE} are needed`);
  }
  return header;
}

/**
 * @param {Uint8Array} bytes
 * @param {string} format
 */
function whyNotDecoded(bytes, format) {
  if (format !== 'TIFF' && format !== 'FITS') return whyNotAnImage(bytes);
  return `unsupported format: ${format} is not decoded by browsers; galaxy-classify on the command line reads it`;
}

function truncated() {
  return new ImageError('damaged or incomplete image: image file is truncated');
}

/** @param {string} what */
function unsupported(what) {
  return new ImageError(`unsupported pixels: ${what}`);
}

/**
 * Walk from marker to marker to the end of the picture. Two bytes that look like the end's marker may lie in a preview.
 *
 * @param {Uint8Array} bytes
 * @param {DataView} view
 * @returns {Header}
 */
function checkJpeg(bytes, view) {
  let position = 2;
  let scans = 0;
  let adobe = false;
  /** @type {{width: number, height: number, colours: number} | null} */
  let frame = null;
  for (;;) {
    while (view.getUint8(position) !== 0xff) position += 1;
    const marker = view.getUint8(position + 1);
    if (marker === 0xff) {
      position += 1;
      continue;
    }
    if (marker === 0xd9) break;
    position += 2;
    if (marker <= 0x01 || (marker >= 0xd0 && marker <= 0xd8)) continue; // they stand alone
    const length = view.getUint16(position);
    if (UNSUPPORTED_FRAMES.has(marker) || (marker >= 0xc0 && marker <= 0xc2)) {
      frame = frameOf(view, position, marker);
    } else if (marker === 0xee) {
      adobe ||= String.fromCharCode(...bytes.subarray(position + 2, position + 7)) === 'Adobe';
    }
    position += length;
    if (marker === 0xda) {
      scans += 1;
      if (scans > MOST_SCANS) {
        throw new ImageError(`too many scans: the JPEG has more than ${MOST_SCANS}; save it anew`);
      }
      position = endOfScan(bytes, position);
    }
  }
  if (!frame || !scans) throw truncated();
  if (frame.colours === 4 && !adobe) {
    throw unsupported('CMYK without an Adobe marker, so that it may be inverted; save it as RGB');
  }
  return { width: frame.width, height: frame.height, note: '' };
}

/**
 * @param {DataView} view
 * @param {number} position of the frame's length
 * @param {number} marker
 */
function frameOf(view, position, marker) {
  const bits = view.getUint8(position + 2);
  const colours = view.getUint8(position + 7);
  const kind = UNSUPPORTED_FRAMES.get(marker) ?? (bits === 8 ? '' : `${bits} bits`);
  const what = kind || ([1, 3, 4].includes(colours) ? '' : `${colours} colours`);
  if (what) throw unsupported(`JPEG, ${what}; save it as an ordinary JPEG or as PNG`);
  return { height: view.getUint16(position + 3), width: view.getUint16(position + 5), colours };
}

/**
 * Return where a scan ends: at the first marker that is none for starting anew.
 *
 * @param {Uint8Array} bytes
 * @param {number} position
 */
function endOfScan(bytes, position) {
  let place = position;
  for (;;) {
    place = bytes.indexOf(0xff, place);
    if (place === -1 || place + 1 >= bytes.length) throw truncated();
    const next = bytes[place + 1];
    if (next !== 0 && !(next >= 0xd0 && next <= 0xd7) && next !== 0xff) return place;
    place += next === 0xff ? 1 : 2;
  }
}

/**
 * @param {Uint8Array} bytes
 * @param {DataView} view
 * @returns {Header}
 */
function checkPng(bytes, view) {
  const [bits, colours] = [view.getUint8(24), view.getUint8(25)];
  let gamma = null;
  let note = '';
  let isSrgb = false;
  let hasPixels = false;
  for (let position = 8; ; ) {
    // A file without its last chunk is whole if the pixels are.
    if (hasPixels && position + 8 > bytes.length) break;
    const length = view.getUint32(position);
    const name = String.fromCharCode(...bytes.subarray(position + 4, position + 8));
    const content = position + 8;
    if (name === 'IEND') break;
    if (name === 'IDAT') {
      hasPixels = true;
      if (content + length > bytes.length) throw truncated();
    } else if (name === 'gAMA') {
      gamma = view.getUint32(content) / 100_000;
    } else if (name === 'sRGB' || name === 'iCCP') {
      isSrgb = true;
    } else if (name === 'acTL' && view.getUint32(content) > 1) {
      note = FIRST_FRAME;
    } else if (name === 'cICP' && !LIKE_SRGB.includes(view.getUint8(content + 1))) {
      throw unsupported(`light of another curve (cICP ${view.getUint8(content + 1)}); convert to sRGB`);
    } else if (name === 'tRNS' && ((colours === 0 && (bits === 2 || bits === 4)) || (colours === 2 && bits === 16))) {
      throw unsupported('a transparent colour that has not 8 bits; save it with an alpha channel');
    }
    position = content + length + 4;
  }
  if (!hasPixels) throw truncated();
  if (gamma !== null && !isSrgb && !(gamma >= LEAST_GAMMA && gamma <= MOST_GAMMA)) {
    throw unsupported(`gamma ${gamma} in place of 0.45455 of sRGB; convert the image to sRGB`);
  }
  return { width: view.getUint32(16), height: view.getUint32(20), note };
}

/**
 * @param {Uint8Array} bytes
 * @param {DataView} view
 * @returns {Header}
 */
function checkGif(bytes, view) {
  const [width, height] = [view.getUint16(6, true), view.getUint16(8, true)];
  let position = 13 + paletteLength(view.getUint8(10));
  let frames = 0;
  while (frames < 2) {
    // Behind the first frame, a file may end anywhere.
    if (frames && position >= bytes.length) break;
    const kind = view.getUint8(position);
    if (kind === 0x21) {
      position = endOfBlocks(bytes, view, position + 2, frames > 0);
    } else if (kind === 0x2c) {
      frames += 1;
      if (frames > 1) break;
      const isPart = [1, 3].some((offset) => view.getUint16(position + offset, true) !== 0)
        || view.getUint16(position + 5, true) !== width || view.getUint16(position + 7, true) !== height;
      if (isPart) throw unsupported('a first frame that covers a part of the picture only; save it as PNG');
      position = endOfBlocks(bytes, view, position + 11 + paletteLength(view.getUint8(position + 9)), false);
    } else {
      break;
    }
  }
  if (!frames) throw truncated();
  return { width, height, note: frames > 1 ? FIRST_FRAME : '' };
}

/** @param {number} flags */
function paletteLength(flags) {
  return flags & 0x80 ? 3 * 2 ** ((flags & 7) + 1) : 0;
}

/**
 * @param {Uint8Array} bytes
 * @param {DataView} view
 * @param {number} position of the first block's length
 * @param {boolean} mayEnd
 */
function endOfBlocks(bytes, view, position, mayEnd) {
  let place = position;
  for (let length = -1; length !== 0; place += 1 + length) {
    if (mayEnd && place >= bytes.length) return place;
    length = view.getUint8(place);
  }
  return place;
}

/**
 * @param {Uint8Array} bytes
 * @param {DataView} view
 * @returns {Header}
 */
function checkWebp(bytes, view) {
  if (view.getUint32(4, true) + 8 > bytes.length) throw truncated();
  const kind = String.fromCharCode(...bytes.subarray(12, 16));
  if (kind === 'VP8L') {
    const numbers = view.getUint32(21, true);
    return { width: (numbers & 0x3fff) + 1, height: ((numbers >>> 14) & 0x3fff) + 1, note: '' };
  }
  if (kind === 'VP8X') {
    const edge = (/** @type {number} */ place) => view.getUint16(place, true) + view.getUint8(place + 2) * 65536 + 1;
    return { width: edge(24), height: edge(27), note: hasFrames(bytes, view) ? FIRST_FRAME : '' };
  }
  return { width: view.getUint16(26, true) & 0x3fff, height: view.getUint16(28, true) & 0x3fff, note: '' };
}

/**
 * Return whether a WebP file has more than one frame.
 *
 * @param {Uint8Array} bytes
 * @param {DataView} view
 */
function hasFrames(bytes, view) {
  let frames = 0;
  for (let position = 12; position + 8 <= bytes.length; ) {
    const name = String.fromCharCode(...bytes.subarray(position, position + 4));
    frames += name === 'ANMF' ? 1 : 0;
    const length = view.getUint32(position + 4, true);
    position += 8 + length + (length % 2);
  }
  return frames > 1;
}

/**
 * @param {Uint8Array} bytes
 * @param {DataView} view
 * @returns {Header}
 */
function checkBmp(bytes, view) {
  const isOld = view.getUint32(14, true) === 12;
  const width = isOld ? view.getUint16(18, true) : Math.abs(view.getInt32(18, true));
  const height = isOld ? view.getUint16(20, true) : Math.abs(view.getInt32(22, true));
  const bits = view.getUint16(isOld ? 24 : 28, true);
  const isCompressed = !isOld && [1, 2].includes(view.getUint32(30, true));
  const rows = Math.ceil((width * bits) / 32) * 4 * height;
  if (!isCompressed && view.getUint32(10, true) + rows > bytes.length) throw truncated();
  return { width, height, note: '' };
}
