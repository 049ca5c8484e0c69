import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ModelError } from '../core/errors.mjs';
import { readMetadata } from '../core/onnx_metadata.mjs';
import { field } from './protobuf.mjs';

const LONG = 'ü'.repeat(100);
const FILE = [
  ...[8, 8], // ir_version
  ...field(2, 'producer'),
  ...field(14, [...field(1, 'classes'), ...field(2, '["round"]')]),
  ...field(14, [...field(2, LONG), ...field(1, '__proto__')]),
  ...field(14, field(1, 'empty')),
];

test('finds the metadata among other fields, in either order, whatever the keys are called', () => {
  const wanted = [['classes', '["round"]'], ['__proto__', LONG], ['empty', '']];
  assert.deepEqual([...readMetadata(Uint8Array.from(FILE))], wanted);
});

test('a file cut short anywhere within a field is damaged', () => {
  let whole = 0;
  for (let end = 0; end < FILE.length; end += 1) {
    try {
      readMetadata(Uint8Array.from(FILE.slice(0, end)));
      whole += 1;
    } catch (error) {
      assert(error instanceof ModelError, String(error));
    }
  }
  assert.equal(whole, 5); // the ends between the five fields
});

test('hostile bytes give an error of the model, and no other', () => {
  const hostile = {
    'a varint without an end': Array(12).fill(0xff),
    'field 0': [2, 0],
    'a tag of more than 32 bits': [0x82, 0x80, 0x80, 0x80, 0x80, 1, 0],
    'a group': [0x73],
    'a length of 2^63': [0x72, ...Array(9).fill(0x80), 1],
    'a length beyond the end': [0x72, 5, 10, 1],
    'text that is not UTF-8': field(14, field(1, [0xff])),
  };
  for (const [name, bytes] of Object.entries(hostile)) {
    assert.throws(() => readMetadata(Uint8Array.from(bytes)), ModelError, name);
  }
});

test('each changed byte gives metadata or an error of the model', () => {
  for (let place = 0; place < FILE.length; place += 1) {
    for (const value of [0, 1, 0x7f, 0x80, 0xff]) {
      const changed = Uint8Array.from(FILE);
      changed[place] = value;
      try {
        assert(readMetadata(changed) instanceof Map);
      } catch (error) {
        assert(error instanceof ModelError, `${place} ${value}: ${error}`);
      }
    }
  }
});
