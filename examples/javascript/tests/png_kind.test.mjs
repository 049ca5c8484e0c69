/** Which PNGs are refused before they are decoded: those that libpng and Pillow take for different pictures. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32 } from 'node:zlib';

import { checkPng } from '../core/png_kind.mjs';

const [GREY, RGB, PALETTE, RGBA] = [0, 2, 3, 6];

/**
 * @param {number} bits
 * @param {number} colour
 * @param {[string, number[]][]} chunks those between the header and the pixels
 */
function png(bits, colour, ...chunks) {
  const header = [0, 0, 0, 20, 0, 0, 0, 20, bits, colour, 0, 0, 0];
  const parts = [['IHDR', header], ...chunks, ['IDAT', []]].map(([name, content]) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(content.length);
    const named = Buffer.concat([Buffer.from(/** @type {string} */ (name)), Buffer.from(/** @type {number[]} */ (content))]);
    const checksum = Buffer.alloc(4);
    checksum.writeUInt32BE(crc32(named));
    return Buffer.concat([length, named, checksum]);
  });
  return new Uint8Array(Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), ...parts]));
}

/** @param {Uint8Array} file */
function fault(file) {
  try {
    checkPng(file);
  } catch (error) {
    return String(error instanceof Error ? error.message : error);
  }
  return '';
}

test('a transparent colour is refused only where the package refuses it', () => {
  for (const bits of [2, 4]) assert.match(fault(png(bits, GREY, ['tRNS', [0, 1]])), /has not 8 bits/);
  assert.match(fault(png(16, RGB, ['tRNS', [0, 1, 0, 1, 0, 1]])), /has not 8 bits/);
  assert.match(fault(png(8, GREY, ['tRNS', [1, 0]])), /has not 8 bits/);
  for (const bits of [1, 8, 16]) assert.equal(fault(png(bits, GREY, ['tRNS', [0, 1]])), '');
  assert.equal(fault(png(16, RGBA, ['tRNS', [0, 1]])), '');
});

test('a palette with more levels of transparency than colours is refused', () => {
  assert.equal(fault(png(8, PALETTE, ['PLTE', [1, 2, 3, 4, 5, 6]], ['tRNS', [0, 255]])), '');
  assert.match(fault(png(8, PALETTE, ['PLTE', [1, 2, 3]], ['tRNS', [0, 255]])), /^not supported here: a palette/);
});

test('a gamma is written as Python writes it, and refused beside a profile that may be empty', () => {
  assert.match(fault(png(8, RGB, ['gAMA', [0, 0, 0, 1]])), /gamma 1e-05 in place/);
  assert.match(fault(png(8, RGB, ['gAMA', [0, 1, 134, 160]])), /gamma 1 in place/);
  assert.equal(fault(png(8, RGB, ['gAMA', [0, 0, 177, 143]], ['iCCP', [120, 0, 0]])), '');
  assert.match(fault(png(8, RGB, ['gAMA', [0, 0, 0, 1]], ['iCCP', [120, 0, 0]])), /^not supported here: a gamma/);
});

test('a wrong checksum is damage, also in a chunk that libpng leaves out', () => {
  const file = png(8, RGB, ['tEXt', [65, 0, 66]]);
  file[file.indexOf(66, 40)] ^= 1;
  assert.equal(fault(file), 'damaged or incomplete image: its PNG header cannot be read');
});
