/** Decode JPEG and PNG files with sharp, whose libjpeg-turbo gives the pixels of Pillow's. */

import sharp from 'sharp';

import { checkProfile } from './core/colour_profile.mjs';
import { ImageError } from './core/errors.mjs';
import { formatOf, whyNotAnImage, whyTooLarge } from './core/image_format.mjs';
import { checkEnd, checkJpeg } from './core/jpeg_kind.mjs';
import { checkPng } from './core/png_kind.mjs';
import { onBlack, upright } from './core/rgb.mjs';

/** Formats that the package reads as well, and this example does not. */
const OTHERS = ['TIFF', 'WEBP', 'BMP', 'GIF', 'FITS', 'gzip'];

// Each image is small, and several are decoded at once.
sharp.concurrency(1);
sharp.cache(false);

/**
 * Decode an image file into upright RGB.
 *
 * @param {Uint8Array} file the whole file
 * @returns {Promise<import('./core/classifier.mjs').Image>}
 * @throws {ImageError} if it cannot be used; the message is that of the package, or says "not supported here"
 */
export async function decode(file) {
  const format = formatOf(file);
  let hasOneScan = false;
  if (format === 'JPEG') hasOneScan = checkJpeg(file);
  else if (format === 'PNG') checkPng(file);
  else if (format !== null && OTHERS.includes(format)) {
    throw new ImageError(`not supported here: ${format}; use JPEG or PNG, or the package galaxy-classify`);
  } else throw new ImageError(whyNotAnImage(file));

  // Profiles of displays and cameras are ignored, as in the package. The size is checked here.
  const image = sharp(file, { failOn: 'error', ignoreIcc: true, limitInputPixels: false });
  let metadata;
  try {
    metadata = await image.metadata();
  } catch {
    throw new ImageError(whyNotAnImage(file));
  }
  const tooLarge = whyTooLarge(metadata.width, metadata.height);
  if (tooLarge) throw new ImageError(tooLarge);
  if (metadata.icc) checkProfile(metadata.icc);
  try {
    const { data, info } = await image.toColourspace('srgb').raw().toBuffer({ resolveWithObject: true });
    if (format === 'JPEG') checkEnd(file, hasOneScan);
    const pixels = info.channels === 4 ? onBlack(data) : new Uint8Array(data.buffer, data.byteOffset, data.length);
    return upright({ width: info.width, height: info.height, data: pixels }, orientationOf(metadata));
  } catch (error) {
    if (error instanceof ImageError) throw error;
    const reason = String(error instanceof Error ? error.message : error);
    throw new ImageError(`damaged or incomplete image: ${reason.split(/\s+/).filter(Boolean).join(' ')}`);
  }
}

/**
 * Return the EXIF orientation of an image, or that of its XMP, where Pillow looks as well.
 *
 * @param {import('sharp').Metadata} metadata
 * @returns {number | undefined}
 */
function orientationOf(metadata) {
  if (metadata.orientation !== undefined) return metadata.orientation;
  const found = /tiff:Orientation(?:="|>)([0-9])/.exec(metadata.xmp?.toString('latin1') ?? '');
  return found ? Number(found[1]) : undefined;
}
