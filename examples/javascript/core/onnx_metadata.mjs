/**
 * Read the metadata of an ONNX file, which ONNX Runtime's JavaScript API does not give.
 *
 * The file is a message of Protocol Buffers (https://protobuf.dev/programming-guides/encoding/). Field 14 of `ModelProto`
 * is `metadata_props`, each a `StringStringEntryProto` with the key as field 1 and the value as field 2.
 */

import { ModelError } from './errors.mjs';

const METADATA_PROPS = 14;
const VARINT = 0;
const FIXED64 = 1;
const LENGTH = 2;
const FIXED32 = 5;

/**
 * Return the metadata of an ONNX file.
 *
 * @param {Uint8Array} file the whole file
 * @returns {Map<string, string>}
 * @throws {ModelError} if it is no ONNX file, or a damaged one
 */
export function readMetadata(file) {
  /** @type {Map<string, string>} */
  const metadata = new Map();
  for (const [number, entry] of fieldsOf(file)) {
    if (number === METADATA_PROPS) {
      const texts = new Map([...fieldsOf(entry)].map(([part, bytes]) => [part, textOf(bytes)]));
      metadata.set(texts.get(1) ?? '', texts.get(2) ?? '');
    }
  }
  return metadata;
}

/**
 * Yield the number and the bytes of each field of a message that has bytes: texts and messages, not numbers.
 *
 * @param {Uint8Array} message
 * @returns {Generator<[number, Uint8Array]>}
 */
function* fieldsOf(message) {
  let position = 0;

  function varint() {
    let value = 0;
    // Ten bytes hold 64 bits. Beyond 2^53 the last digits are lost, but no field is so long, or has such a number.
    for (let factor = 1; factor < 2 ** 70; factor *= 128) {
      if (position >= message.length) break;
      const byte = message[position];
      position += 1;
      value += (byte % 128) * factor;
      if (byte < 128) return value;
    }
    throw damaged();
  }

  while (position < message.length) {
    const tag = varint();
    const number = Math.floor(tag / 8);
    const type = tag % 8;
    if (number === 0 || tag >= 2 ** 32) throw damaged();
    if (type === VARINT) {
      varint();
      continue;
    }
    if (type !== LENGTH && type !== FIXED64 && type !== FIXED32) throw damaged();
    const length = type === LENGTH ? varint() : type === FIXED64 ? 8 : 4;
    if (length > message.length - position) throw damaged();
    if (type === LENGTH) yield [number, message.subarray(position, position + length)];
    position += length;
  }
}

/** @param {Uint8Array} bytes */
function textOf(bytes) {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw damaged();
  }
}

function damaged() {
  return new ModelError('not a usable ONNX model: the file is damaged or incomplete');
}
