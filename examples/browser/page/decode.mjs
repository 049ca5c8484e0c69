/** Decode an image file into the RGB pixels that the standalone model takes. */

import { ImageError } from '../../javascript/core/errors.mjs';
import { checkFile } from './file_check.mjs';

/** @typedef {import('../../javascript/core/classifier.mjs').Image} Image */

/** Images with more pixels are not decoded ahead: a few of the largest would fill the memory. */
const MOST_AHEAD = 4_000_000;

/**
 * Decode an image file as the package does: upright, colour profiles ignored, transparent pixels on black.
 *
 * @param {Blob} file
 * @param {() => Promise<unknown>} isTurn ends when the images before it are classified
 * @returns {Promise<Image>}
 * @throws {ImageError} with the message of its row
 */
export async function decodeImage(file, isTurn) {
  const content = await contentOf(file);
  const header = checkFile(new Uint8Array(content));
  if (header.width * header.height > MOST_AHEAD) await isTurn();
  const bitmap = await bitmapOf(content);
  const { width, height } = bitmap;
  return { width, height, data: withoutAlpha(pixelsOf(bitmap)), note: header.note };
}

/** @param {Blob} file */
async function contentOf(file) {
  try {
    return await file.arrayBuffer();
  } catch (error) {
    const { name, message } = /** @type {DOMException} */ (error);
    throw new ImageError(name === 'NotFoundError' ? 'no such file' : `cannot be opened: ${message}`);
  }
}

/** @param {ArrayBuffer} content */
async function bitmapOf(content) {
  try {
    return await createImageBitmap(new Blob([content]), {
      colorSpaceConversion: 'none',
      imageOrientation: 'from-image',
      premultiplyAlpha: 'premultiply',
    });
  } catch {
    throw new ImageError('damaged or incomplete image: the browser cannot decode it');
  }
}

/** @param {ImageBitmap} bitmap closed by this */
function pixelsOf(bitmap) {
  // A canvas without alpha is black where the picture is transparent. Kept in memory, as it is read once.
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext('2d', { alpha: false, willReadFrequently: true, colorSpace: 'srgb' });
  if (!context) throw new ImageError('damaged or incomplete image: too large for this browser');
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return context.getImageData(0, 0, canvas.width, canvas.height).data;
}

/** @param {Uint8ClampedArray} pixels RGBA */
function withoutAlpha(pixels) {
  const rgb = new Uint8Array((pixels.length / 4) * 3);
  for (let from = 0, to = 0; from < pixels.length; from += 4, to += 3) {
    rgb[to] = pixels[from];
    rgb[to + 1] = pixels[from + 1];
    rgb[to + 2] = pixels[from + 2];
  }
  return rgb;
}
