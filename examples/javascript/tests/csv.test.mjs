import assert from 'node:assert/strict';
import { test } from 'node:test';

import { csvHeader, csvRow } from '../core/csv.mjs';
import { printable, roundHalfEven, sixDecimals } from '../core/like_python.mjs';

const LAYOUT = { classes: ['round', 'a "b", c'], hasFamiliarity: true };
/** @type {import('../core/csv.mjs').Row} */
const ROW = {
  path: 'm51.jpg',
  status: 'ok',
  label: 'round',
  confidence: 0.75,
  familiarity: 1,
  probabilities: [0.75, 0.25],
  message: '',
  model: 'tiny@0',
};

test('columns and rows are those of the package, with and without familiarity', () => {
  assert.equal(csvHeader(LAYOUT), 'path,status,label,confidence,familiarity,prob_round,"prob_a ""b"", c",message,model\n');
  assert.equal(csvRow(ROW, LAYOUT), 'm51.jpg,ok,round,0.750000,1.000000,0.750000,0.250000,,tiny@0\n');
  const plain = { ...LAYOUT, hasFamiliarity: false };
  assert.equal(csvRow({ ...ROW, familiarity: null }, plain), 'm51.jpg,ok,round,0.750000,0.750000,0.250000,,tiny@0\n');
});

test('an error row has no numbers', () => {
  /** @type {import('../core/csv.mjs').Row} */
  const failure = { ...ROW, status: 'error', label: null, confidence: null, familiarity: null, probabilities: [] };
  assert.equal(csvRow({ ...failure, message: 'no such file' }, LAYOUT), 'm51.jpg,error,,,,,,no such file,tiny@0\n');
});

test('only what readers would break at is quoted', () => {
  const quoted = { 'a,b': '"a,b"', 'a"b': '"a""b"', 'a\nb': '"a\nb"', 'a\rb': '"a\rb"', ' a;\t\x1b': ' a;\t\x1b' };
  for (const [path, cell] of Object.entries(quoted)) {
    assert(csvRow({ ...ROW, path }, LAYOUT).startsWith(`${cell},ok,`), path);
  }
});

test('numbers between two of six decimals go to the even one, as in Python', () => {
  const rounded = { '0.0078125': '0.007812', '0.0234375': '0.023438', '0.0390625': '0.039062', '0.9921875': '0.992188' };
  for (const [number, text] of Object.entries(rounded)) assert.equal(sixDecimals(Number(number)), text);
  assert.equal(sixDecimals(Math.fround(0.98674217)), '0.986742');
  assert.equal(sixDecimals(-0.0078125), '-0.007812');
  assert.deepEqual([0.5, 1.5, 2.5, 12.5, 12.51, 7].map(roundHalfEven), [0, 2, 2, 12, 13, 7]);
});

test('messages cannot move the cursor', () => {
  assert.equal(printable('\x1b[31m\u202e\n\xa0\u{e0001} é µ'), '\\x1b[31m\\u202e\\n\\xa0\\U000e0001 é µ');
});
