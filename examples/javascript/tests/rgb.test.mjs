import assert from 'node:assert/strict';
import { test } from 'node:test';

import { onBlack, upright } from '../core/rgb.mjs';

/**
 * Return a picture whose pixels are letters; the other colours follow from the first.
 *
 * @param {string[]} rows
 */
function picture(rows) {
  const data = [...rows.join('')].flatMap((letter) => [letter.charCodeAt(0), letter.charCodeAt(0) + 50, 7]);
  return { width: rows[0].length, height: rows.length, data: Uint8Array.from(data) };
}

test('each EXIF orientation turns a picture as viewers do', () => {
  /** @type {[number | undefined, string[]][]} */
  const turned = [
    [undefined, ['abc', 'def']],
    [0, ['abc', 'def']],
    [1, ['abc', 'def']],
    [2, ['cba', 'fed']],
    [3, ['fed', 'cba']],
    [4, ['def', 'abc']],
    [5, ['ad', 'be', 'cf']],
    [6, ['da', 'eb', 'fc']],
    [7, ['fc', 'eb', 'da']],
    [8, ['cf', 'be', 'ad']],
    [9, ['abc', 'def']],
  ];
  for (const [orientation, rows] of turned) {
    assert.deepEqual(upright(picture(['abc', 'def']), orientation), picture(rows), `orientation ${orientation}`);
  }
});

test('transparent colours are composited on black', () => {
  const rgba = Uint8Array.from([200, 100, 50, 255, 200, 100, 50, 128, 200, 100, 50, 0]);
  assert.deepEqual([...onBlack(rgba)], [200, 100, 50, 100, 50, 25, 0, 0, 0]);
});
