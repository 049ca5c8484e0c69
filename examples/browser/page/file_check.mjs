/**
 * Refuse image files that a browser may decode although the package refuses them, and find what is said of the others.
 *
 * Of files that are cut off, some browsers give the part that is there, the rest in grey. Chromium refuses them by itself.
 */

import { ImageError } from '../../javascript/core/errors.mjs';
import { formatOf, whyNotAnImage, whyTooLarge } from '../../javascript/core/image_format.mjs';
import { checkEnd, checkJpeg } from '../../javascript/core/jpeg_kind.mjs';
import { checkPng } from '../../javascript/core/png_kind.mjs';

/**
 * What a file says of its picture. `note` is the remark for its row; usually empty.
 *
 * @typedef {{width: number, height: number, note: string}} Header
 */

const FIRST_FRAME = 'first frame of several';

/** @type {Record<string, (bytes: Uint8Array, view: DataView) => Header>} */
const HEADERS = { JPEG: jpegHeader, PNG: pngHeader, GIF: gifHeader, WEBP: webpHeader, BMP: bmpHeader };

/**
 * Check an image file before it is decoded, and return what its header says.
 *
 * @param {Uint8Array} bytes the whole file
 * @returns {Header}
 * @throws {ImageError} with the message of its row
 */
export function checkFile(bytes) {
  const format = formatOf(bytes) ?? '';
  const headerOf = HEADERS[format];
  if (!headerOf) throw new ImageError(whyNotDecoded(bytes, format));
  try {
    const header = headerOf(bytes, new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    const message = whyTooLarge(header.width, header.height);
    if (message) throw new ImageError(message);
    return header;
  } catch (error) {
    // Whatever lies beyond the file's end is missing.
    throw error instanceof RangeError ? truncated() : error;
  }
}

/**
 * @param {Uint8Array} bytes
 * @param {string} format
 */
function whyNotDecoded(bytes, format) {
  if (format !== 'TIFF' && format !== 'FITS') return whyNotAnImage(bytes);
  return `not supported here: browsers do not decode ${format}; use the package galaxy-classify`;
}

function truncated() {
  return new ImageError('damaged or incomplete image: image file is truncated');
}

/**
 * @param {Uint8Array} bytes
 * @param {DataView} view
 * @returns {Header}
 */
function jpegHeader(bytes, view) {
  checkEnd(bytes, checkJpeg(bytes));
  // From segment to segment, up to the frame, whose markers lie between 0xc0 and 0xc2.
  for (let position = 2; ; ) {
    const marker = view.getUint8(position + 1);
    if (view.getUint8(position) !== 0xff || marker === 0xff) {
      position += 1;
    } else if (marker >= 0xc0 && marker <= 0xc2) {
      return { width: view.getUint16(position + 7), height: view.getUint16(position + 5), note: '' };
    } else {
      position += 2 + view.getUint16(position + 2);
    }
  }
}

/**
 * @param {Uint8Array} bytes
 * @param {DataView} view
 * @returns {Header}
 */
function pngHeader(bytes, view) {
  checkPng(bytes);
  let hasPixels = false;
  for (let position = 8, name = ''; name !== 'IEND'; ) {
    // A file without its last chunk is whole if the pixels are.
    if (hasPixels && position + 8 > bytes.length) break;
    const length = view.getUint32(position);
    name = String.fromCharCode(...bytes.subarray(position + 4, position + 8));
    hasPixels ||= name === 'IDAT';
    position += 8 + length;
    if (name === 'IDAT' && position > bytes.length) throw truncated();
    position += 4;
  }
  if (!hasPixels) throw truncated();
  return { width: view.getUint32(16), height: view.getUint32(20), note: '' };
}

/**
 * @param {Uint8Array} bytes
 * @param {DataView} view
 * @returns {Header}
 */
function gifHeader(bytes, view) {
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
      if (isPart) {
        throw new ImageError(
          'unsupported pixels: a first frame that covers a part of the picture only; save it as PNG',
        );
      }
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
function webpHeader(bytes, view) {
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
function bmpHeader(bytes, view) {
  const isOld = view.getUint32(14, true) === 12;
  const width = isOld ? view.getUint16(18, true) : Math.abs(view.getInt32(18, true));
  const height = isOld ? view.getUint16(20, true) : Math.abs(view.getInt32(22, true));
  const bits = view.getUint16(isOld ? 24 : 28, true);
  const isCompressed = !isOld && [1, 2].includes(view.getUint32(30, true));
  const rows = Math.ceil((width * bits) / 32) * 4 * height;
  if (!isCompressed && view.getUint32(10, true) + rows > bytes.length) throw truncated();
  return { width, height, note: '' };
}
