/**
 * Classify images with a standalone model, as the package does.
 *
 * Nothing here needs Node or a browser: ONNX Runtime is handed over, as onnxruntime-node and onnxruntime-web have the same
 * interface, and images come decoded.
 */

import { ImageError, ModelError } from './errors.mjs';
import { printable } from './like_python.mjs';
import { readMetadata } from './onnx_metadata.mjs';
import { doubtOf, isConstant } from './picture_check.mjs';

/** @typedef {import('./csv.mjs').Row} Row */

/**
 * A decoded image: RGB, row by row, upright. `note` is a remark for its row.
 *
 * @typedef {{width: number, height: number, data: Uint8Array, note?: string}} Image
 */

/**
 * What the model gave for an image. `pixels` is what the network saw, after crop and resize.
 *
 * @typedef {object} Outputs
 * @property {number[]} probabilities
 * @property {number | null} familiarity null if the model does not give it
 * @property {{width: number, height: number, data: Uint8Array}} pixels
 */

/** Confidence below which a row is uncertain. */
export const THRESHOLD = 0.6;
/** Familiarity below which a row is unfamiliar. */
export const MIN_FAMILIARITY = 0.5;
/** Images with a shorter edge than this, in pixels, are refused. */
export const MIN_EDGE = 16;

/** How far below 0 or above 1 a probability or familiarity may lie. */
const RANGE_TOLERANCE = 1e-3;
/** How far from 1 the probabilities may sum to, and what each class adds to this: an int8 output has 256 levels. */
const SUM_TOLERANCE = 1e-3;
const SUM_TOLERANCE_PER_CLASS = 1 / 512;
const LARGEST_SUM_TOLERANCE = 0.1;

const PREFIX = 'galaxy_classify.';
const WRITE_ONE = 'write one with: galaxy-classify standalone FILE.onnx';

export class Classifier {
  /**
   * Use `Classifier.load`.
   *
   * @param {typeof import('onnxruntime-common')} ort
   * @param {import('onnxruntime-common').InferenceSession} session
   * @param {Map<string, string>} metadata
   * @param {string} sha256
   */
  constructor(ort, session, metadata, sha256) {
    this.ort = ort;
    this.session = session;
    /** The whole metadata of the file. */
    this.metadata = metadata;
    /** SHA-256 of the file. */
    this.sha256 = sha256;
    /** @type {string[]} class names in the order of the probabilities */
    this.classes = jsonOf(metadata, 'classes');
    /** Pixels along each edge of its input that the network ignores. */
    this.margin = jsonOf(metadata, 'preprocessing').margin ?? 0;
    /** Name of the model in rows. */
    this.identity = `${metadata.get(`${PREFIX}name`)}@${sha256.slice(0, 12)}`;
    /** Whether the model says how much an image is like those that it can judge. */
    this.hasFamiliarity = session.outputNames.includes('familiarity');
  }

  /**
   * Load a standalone model.
   *
   * @param {typeof import('onnxruntime-common')} ort the module onnxruntime-node or onnxruntime-web
   * @param {Uint8Array} file the whole file
   * @param {object} [settings]
   * @param {import('onnxruntime-common').InferenceSession.SessionOptions} [settings.session]
   * @param {string} [settings.sha256] of the file, where it cannot be computed: browsers have WebCrypto only on pages
   *   from HTTPS or the machine itself
   * @throws {ModelError} if it is none, or cannot be used
   */
  static async load(ort, file, settings = {}) {
    const metadata = readMetadata(file);
    const contract = metadata.get(`${PREFIX}contract`);
    if (contract !== 'standalone') {
      throw new ModelError(`contract: it is ${contract ?? 'missing'}, not standalone; ${WRITE_ONE}`);
    }
    const sha256 = settings.sha256 ?? (await sha256Of(file));
    let session;
    try {
      session = await ort.InferenceSession.create(file, settings.session);
    } catch (error) {
      throw new ModelError(`not a usable ONNX model: ${firstLine(error)}`);
    }
    return new Classifier(ort, session, metadata, sha256);
  }

  /**
   * Run the model on an image.
   *
   * @param {Image} image
   * @returns {Promise<Outputs>}
   * @throws {ImageError} if the image is too small
   * @throws {ModelError} if ONNX Runtime fails
   */
  async run({ width, height, data }) {
    if (Math.min(width, height) < MIN_EDGE) {
      throw new ImageError(`image too small: ${width} x ${height} pixels, at least ${MIN_EDGE} are needed`);
    }
    const wanted = ['probabilities', 'pixels', ...(this.hasFamiliarity ? ['familiarity'] : [])];
    let outputs;
    try {
      outputs = await this.session.run({ image: new this.ort.Tensor('uint8', data, [height, width, 3]) }, wanted);
    } catch (error) {
      throw new ModelError(`inference failed: ${firstLine(error)}`);
    }
    const { probabilities, familiarity, pixels } = outputs;
    return {
      probabilities: Array.from(/** @type {Float32Array} */ (probabilities.data)),
      familiarity: familiarity ? /** @type {Float32Array} */ (familiarity.data)[0] : null,
      pixels: { width: pixels.dims[2], height: pixels.dims[1], data: /** @type {Uint8Array} */ (pixels.data) },
    };
  }

  /**
   * Classify an image; one that cannot be classified gives an error row.
   *
   * @param {string} path name of its row
   * @param {Image} image
   * @param {(pixels: Outputs['pixels']) => void} [seen] called with what the network saw
   * @returns {Promise<Row>}
   * @throws {ModelError} if ONNX Runtime fails
   */
  async classify(path, image, seen = () => {}) {
    try {
      const outputs = await this.run(image);
      seen(outputs.pixels);
      if (isConstant(outputs.pixels, this.margin)) {
        throw new ImageError('constant image: every pixel that the model would see is the same');
      }
      const fault = faultOf(outputs);
      if (fault) throw new ImageError(fault);
      return this.#row(path, outputs, image.note ?? '');
    } catch (error) {
      if (error instanceof ImageError) return this.failure(path, error.message);
      throw error;
    }
  }

  /**
   * Return the row of an input that cannot be classified.
   *
   * @param {string} path
   * @param {string} message the reason
   * @returns {Row}
   */
  failure(path, message) {
    return {
      path,
      status: 'error',
      label: null,
      confidence: null,
      familiarity: null,
      probabilities: [],
      message: printable(message),
      model: this.identity,
    };
  }

  /**
   * @param {string} path
   * @param {Outputs} outputs
   * @param {string} note
   * @returns {Row}
   */
  #row(path, { probabilities, familiarity, pixels }, note) {
    const confidence = Math.max(...probabilities);
    const doubt = doubtOf(pixels, this.margin);
    // The outputs of an int8 network may lie beyond 0 and 1, by a rounding.
    const clipped = familiarity === null ? null : Math.min(Math.max(familiarity, 0), 1);
    const unfamiliar = clipped !== null && clipped < MIN_FAMILIARITY;
    return {
      path,
      status: unfamiliar ? 'unfamiliar' : confidence >= THRESHOLD && !doubt ? 'ok' : 'uncertain',
      label: this.classes[probabilities.indexOf(confidence)],
      confidence,
      familiarity: clipped,
      probabilities,
      message: printable([note, doubt].filter(Boolean).join('; ')),
      model: this.identity,
    };
  }
}

/**
 * Return the SHA-256 of a file in hexadecimal.
 *
 * @param {Uint8Array} file
 */
export async function sha256Of(file) {
  const digest = await globalThis.crypto.subtle.digest('SHA-256', /** @type {BufferSource} */ (file));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/**
 * @param {Map<string, string>} metadata
 * @param {string} key
 */
function jsonOf(metadata, key) {
  try {
    return JSON.parse(metadata.get(PREFIX + key) ?? '');
  } catch {
    throw new ModelError(`contract: metadata ${PREFIX}${key} is missing or not JSON; ${WRITE_ONE}`);
  }
}

/** @param {unknown} error */
function firstLine(error) {
  return String(error instanceof Error ? error.message : error).trim().split('\n')[0];
}

/**
 * Say why the outputs for an image are no result; empty if they are one: only numbers that can be true pass.
 *
 * @param {Outputs} outputs
 * @returns {string}
 */
function faultOf({ probabilities, familiarity }) {
  const off = Math.min(SUM_TOLERANCE + probabilities.length * SUM_TOLERANCE_PER_CLASS, LARGEST_SUM_TOLERANCE);
  const sum = probabilities.reduce((total, value) => total + value, 0);
  if (!probabilities.every(Number.isFinite)) return 'the model gave no finite probabilities';
  if (!probabilities.every(isInRange)) return 'the model gave no probabilities: values outside 0 to 1';
  if (Math.abs(sum - 1) > off) return 'the model gave no probabilities: their sum is not 1';
  if (familiarity === null) return '';
  if (!Number.isFinite(familiarity)) return 'the model gave no finite familiarity';
  return isInRange(familiarity) ? '' : 'the model gave a familiarity outside 0 to 1';
}

/** @param {number} value */
function isInRange(value) {
  return value >= -RANGE_TOLERANCE && value <= 1 + RANGE_TOLERANCE;
}
