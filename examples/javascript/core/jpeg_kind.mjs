/** Refuse JPEGs that are not read, by their segments: `images/jpeg.py` of the package. */

import { ImageError } from './errors.mjs';

/** Scans of a progressive JPEG: each takes as long as the picture has pixels, even if it has a few bytes only. */
const MOST_SCANS = 100;

/** Markers that begin a frame, by what they say of it. */
/** @type {Record<number, string>} */
const UNSUPPORTED_FRAMES = {
  0xc3: 'lossless',
  0xc5: 'hierarchical',
  0xc6: 'hierarchical',
  0xc7: 'lossless, hierarchical',
  0xc9: 'arithmetic coding',
  0xca: 'progressive, arithmetic coding',
  0xcb: 'lossless, arithmetic coding',
  0xcd: 'hierarchical, arithmetic coding',
  0xce: 'hierarchical, arithmetic coding',
  0xcf: 'lossless, hierarchical, arithmetic coding',
};
const BASELINE = 0xc0;
const EXTENDED = 0xc1;
const PROGRESSIVE = 0xc2;
const APP2 = 0xe2;
/** Comments and application data: the only segments that may follow the one scan of a JPEG. */
const REMARKS = [0xfe, ...Array.from({ length: 16 }, (_, number) => 0xe0 + number)];
const END_OF_IMAGE = 0xd9;
const START_OF_IMAGE = 0xd8;
const START_OF_SCAN = 0xda;

/**
 * Check a JPEG up to its first scan, and count the scans if there may be several. Damage is left to the decoder to find.
 *
 * @param {Uint8Array} file
 * @returns {boolean} whether all colours are in one scan
 * @throws {ImageError} if the JPEG is of a kind that is not read
 */
export function checkJpeg(file) {
  let progressive = false;
  let colours = 0;
  let position = 2;
  while (position + 4 <= file.length) {
    const marker = file[position + 1];
    const length = file[position + 2] * 256 + file[position + 3];
    if (file[position] !== 0xff || standsAlone(marker) || length < 2) break;
    const content = file.subarray(position + 4, position + 2 + length);
    if (marker in UNSUPPORTED_FRAMES || [BASELINE, EXTENDED, PROGRESSIVE].includes(marker)) {
      if (content.length < 6) break;
      colours = content[5];
      progressive = marker === PROGRESSIVE;
      checkFrame(marker, content[0], colours);
    } else if (marker === APP2 && String.fromCharCode(...content.subarray(0, 4)) === 'MPF\0') {
      throw new ImageError('not supported here: JPEG with several pictures; save the first as an ordinary JPEG');
    } else if (marker === START_OF_SCAN) {
      if (colours && !progressive && content[0] === colours) return true;
      break;
    }
    position += 2 + length;
  }
  checkScans(file);
  return false;
}

/**
 * Check that a JPEG has an end, and nothing of another JPEG before it, as the package's decoder does. Other decoders show
 * what there is, in grey below.
 *
 * @param {Uint8Array} file
 * @param {boolean} hasOneScan what `checkJpeg` returned
 * @throws {ImageError} if it is cut short or damaged
 */
export function checkEnd(file, hasOneScan) {
  let frames = 0;
  let scans = 0;
  let position = 2;
  while (position < file.length - 1) {
    const marker = file[position + 1];
    if (file[position] !== 0xff || standsInData(marker)) {
      position += 1;
    } else if (marker === END_OF_IMAGE) {
      return;
    } else {
      const isStrange = hasOneScan && scans > 0 && !REMARKS.includes(marker);
      frames += Number([BASELINE, EXTENDED, PROGRESSIVE].includes(marker));
      scans += Number(marker === START_OF_SCAN);
      if (marker === START_OF_IMAGE || frames > 1 || isStrange) break;
      position += 2 + file[position + 2] * 256 + file[position + 3];
    }
  }
  throw new ImageError('damaged or incomplete image: the JPEG has no end');
}

/**
 * Tell whether a byte after 0xFF is that of no segment: data that are 0xFF, fill bytes, and where decoding can restart.
 *
 * @param {number} byte
 */
function standsInData(byte) {
  return byte <= 1 || (byte >= 0xd0 && byte < 0xd8) || byte === 0xff;
}

/** @param {number} marker */
function standsAlone(marker) {
  return marker <= 1 || (marker >= 0xd0 && marker < 0xda) || marker === 0xff;
}

/**
 * @param {number} marker
 * @param {number} bits
 * @param {number} colours
 */
function checkFrame(marker, bits, colours) {
  let kind = UNSUPPORTED_FRAMES[marker] ?? (bits === 8 ? '' : `${bits} bits`);
  if (!kind && ![1, 3, 4].includes(colours)) kind = `${colours} colours`;
  if (kind) throw new ImageError(`unsupported pixels: JPEG, ${kind}; save it as an ordinary JPEG or as PNG`);
  if (colours === 4) throw new ImageError('not supported here: JPEG in CMYK; save it as RGB');
}

/** @param {Uint8Array} file */
function checkScans(file) {
  let scans = 0;
  for (let place = file.indexOf(0xff); place >= 0; place = file.indexOf(0xff, place + 1)) {
    if (file[place + 1] === START_OF_SCAN) scans += 1;
  }
  if (scans > MOST_SCANS) {
    throw new ImageError(`too many scans: the JPEG has more than ${MOST_SCANS}; save it anew`);
  }
}
