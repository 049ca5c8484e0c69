import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Classifier, sha256Of } from '../core/classifier.mjs';
import { ModelError } from '../core/errors.mjs';
import { field } from './protobuf.mjs';

const METADATA = { contract: 'standalone', name: 'tiny', classes: '["round", "spiral"]', preprocessing: '{"margin": 1}' };
const IMAGE = { width: 16, height: 20, data: new Uint8Array(16 * 20 * 3) };
/** Pixels that no check has anything against. */
const GOOD = Uint8Array.from({ length: 8 * 8 * 3 }, (_, place) => (place * 37) % 160);

/** @param {Record<string, string>} metadata */
function fileWith(metadata) {
  return Uint8Array.from(
    Object.entries(metadata).flatMap(([key, value]) =>
      field(14, [...field(1, `galaxy_classify.${key}`), ...field(2, value)]),
    ),
  );
}

/**
 * Load a model that gives these outputs for any image, by something in the place of ONNX Runtime.
 *
 * @param {{probabilities: number[], familiarity?: number, pixels?: Uint8Array}} outputs
 */
async function loaded({ probabilities, familiarity, pixels = GOOD }) {
  const outputs = {
    probabilities: { data: Float32Array.from(probabilities) },
    pixels: { data: pixels, dims: [1, 8, 8, 3] },
    ...(familiarity === undefined ? {} : { familiarity: { data: Float32Array.of(familiarity) } }),
  };
  const session = { outputNames: Object.keys(outputs), run: async () => outputs };
  const runtime = { InferenceSession: { create: async () => session }, Tensor: class {} };
  return Classifier.load(/** @type {any} */ (runtime), fileWith(METADATA));
}

test('a row has the first of the most probable classes, and the model with its checksum', async () => {
  const row = await (await loaded({ probabilities: [0.5, 0.5], familiarity: 1 })).classify('a.png', IMAGE);
  const checksum = await sha256Of(fileWith(METADATA));
  assert.deepEqual(row, {
    path: 'a.png',
    status: 'uncertain',
    label: 'round',
    confidence: 0.5,
    familiarity: 1,
    probabilities: [0.5, 0.5],
    message: '',
    model: `tiny@${checksum.slice(0, 12)}`,
  });
});

test('the limits decide the status', async () => {
  const dark = GOOD.map((level) => level / 10);
  /** @type {[number, number | undefined, Uint8Array, string, string][]} */
  const cases = [
    [0.625, 0.5, GOOD, 'ok', ''],
    [0.59375, 0.5, GOOD, 'uncertain', ''],
    [0.625, 0.4375, GOOD, 'unfamiliar', ''],
    [0.625, undefined, GOOD, 'ok', ''],
    [0.625, 1.0005, dark, 'uncertain', 'almost all black'],
    [0.625, 0, dark, 'unfamiliar', 'almost all black'],
  ];
  for (const [confidence, familiarity, pixels, status, message] of cases) {
    const model = await loaded({ probabilities: [1 - confidence, confidence], familiarity, pixels });
    const row = await model.classify('a.png', { ...IMAGE, note: 'a note' });
    const wanted = [status, ['a note', message].filter(Boolean).join('; ')];
    assert.deepEqual([row.status, row.message], wanted, `${confidence} ${familiarity}`);
    assert(row.familiarity === null ? familiarity === undefined : row.familiarity <= 1);
  }
});

test('what cannot be a result is an error row', async () => {
  /** @type {[number[], number | undefined, string][]} */
  const cases = [
    [[NaN, 1], 1, 'the model gave no finite probabilities'],
    [[-0.01, 1.01], 1, 'the model gave no probabilities: values outside 0 to 1'],
    [[0.5, 0.49], 1, 'the model gave no probabilities: their sum is not 1'],
    [[0.5, 0.5], Infinity, 'the model gave no finite familiarity'],
    [[0.5, 0.5], -0.01, 'the model gave a familiarity outside 0 to 1'],
  ];
  for (const [probabilities, familiarity, message] of cases) {
    const row = await (await loaded({ probabilities, familiarity })).classify('a.png', IMAGE);
    assert.deepEqual([row.status, row.label, row.probabilities, row.message], ['error', null, [], message]);
  }
  const good = { probabilities: [0.5, 0.5] };
  const small = await (await loaded(good)).classify('a.png', { ...IMAGE, width: 15 });
  assert.equal(small.message, 'image too small: 15 x 20 pixels, at least 16 are needed');
  const inside = GOOD.map((_, place) => (place < 8 * 3 ? place : 9)); // all that varies is in the margin
  const constant = await (await loaded({ ...good, pixels: inside })).classify('a.png', IMAGE);
  assert.equal(constant.message, 'constant image: every pixel that the model would see is the same');
});

test('a file that is no standalone model is refused', async () => {
  const runtime = { InferenceSession: { create: () => Promise.reject(new Error('damaged\nat line 1')) } };
  const broken = { ...METADATA, classes: 'round' };
  /** @type {[Record<string, string>, RegExp][]} */
  const cases = [
    [{}, /contract: it is missing, not standalone; write one with: galaxy-classify standalone/],
    [{ ...METADATA, contract: '2' }, /contract: it is 2, not standalone/],
    [METADATA, /^not a usable ONNX model: damaged$/],
  ];
  for (const [metadata, message] of cases) {
    const load = Classifier.load(/** @type {any} */ (runtime), fileWith(metadata));
    await assert.rejects(load, (error) => error instanceof ModelError && message.test(error.message));
  }
  const session = { outputNames: [] };
  const working = { InferenceSession: { create: async () => session } };
  await assert.rejects(Classifier.load(/** @type {any} */ (working), fileWith(broken)), ModelError);
});
