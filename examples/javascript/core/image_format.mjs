/** Recognise image formats by their first bytes, and say why a file is no image: `images/formats.py` of the package. */

/** Formats that the package reads; JPEG and PNG are those that this example reads as well. */
const SUPPORTED = ['JPEG', 'PNG', 'TIFF', 'WEBP', 'BMP', 'GIF', 'FITS'];

/** Images with more pixels are refused before they are decoded. */
export const MAX_PIXELS = 89_478_485;

/** Offset and bytes, as characters of Latin-1, by which a format is recognised. */
/** @type {[number, string, string][]} */
const SIGNATURES = [
  [0, '\xff\xd8\xff', 'JPEG'],
  [0, '\x89PNG\r\n\x1a\n', 'PNG'],
  [0, 'II*\0', 'TIFF'],
  [0, 'MM\0*', 'TIFF'],
  [8, 'WEBP', 'WEBP'],
  [0, 'BM', 'BMP'],
  [0, 'GIF8', 'GIF'],
  [0, 'SIMPLE  =', 'FITS'],
  [0, '\x89HDF\r\n\x1a\n', 'HDF5'],
  [0, '\x93NUMPY', 'NumPy'],
  [0, '\0\0\0\x0cjP  ', 'JPEG 2000'],
  [0, '\xff\x4f\xff\x51', 'JPEG 2000'],
  [4, 'ftypavif', 'AVIF'],
  [4, 'ftyphei', 'HEIF'],
  [0, '8BPS', 'PSD'],
  [0, '\0\0\x01\0', 'ICO'],
  [0, 'P5', 'PGM'],
  [0, 'P6', 'PPM'],
  [0, '%PDF', 'PDF'],
  [0, '\x1f\x8b', 'gzip'],
  [0, 'PK\x03\x04', 'ZIP'],
];

/**
 * Return the name of a file's format, told from its first bytes; null if it is none that is known.
 *
 * @param {Uint8Array} file
 */
export function formatOf(file) {
  const head = String.fromCharCode(...file.subarray(0, 20));
  const found = SIGNATURES.find(([offset, signature]) => head.startsWith(signature, offset));
  return found ? found[2] : null;
}

/**
 * Say why a file is no image that can be read.
 *
 * @param {Uint8Array} file
 * @returns {string} the message of its row
 */
export function whyNotAnImage(file) {
  if (file.length === 0) return 'empty file';
  const format = formatOf(file);
  const supported = `(supported: ${SUPPORTED.join(', ')})`;
  if (format === null) return `not an image ${supported}`;
  if (SUPPORTED.includes(format)) return `damaged or incomplete image: its ${format} header cannot be read`;
  return `unsupported format: ${format} ${supported}`;
}

/**
 * Return the message of an image that has too many pixels; empty for any other.
 *
 * @param {number} width
 * @param {number} height
 */
export function whyTooLarge(width, height) {
  if (width * height <= MAX_PIXELS) return '';
  return `too many pixels: ${width} x ${height}, the limit is ${MAX_PIXELS.toLocaleString('en-US')}`;
}
