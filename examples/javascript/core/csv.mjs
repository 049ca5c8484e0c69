/** Write rows as the package writes them: columns, rounding, quoting. */

import { sixDecimals } from './like_python.mjs';

/**
 * A prediction for one input: one row of a result. Numbers are null, and probabilities empty, in an error row.
 *
 * @typedef {object} Row
 * @property {string} path the input, as it was given
 * @property {'ok' | 'uncertain' | 'unfamiliar' | 'error'} status
 * @property {string | null} label the most probable class
 * @property {number | null} confidence probability of the label
 * @property {number | null} familiarity 0 to 1; null if the model does not give it
 * @property {number[]} probabilities of each class, in the model's order
 * @property {string} message why there is no class, or what else should be known
 * @property {string} model name @ first 12 characters of the SHA-256
 */

/**
 * What decides the columns: the class names, and whether the model gives a familiarity.
 *
 * @typedef {{classes: readonly string[], hasFamiliarity: boolean}} Layout
 */

/**
 * Return the names of the columns.
 *
 * @param {Layout} layout
 */
export function columnNames({ classes, hasFamiliarity }) {
  const familiarity = hasFamiliarity ? ['familiarity'] : [];
  const probabilities = classes.map((name) => `prob_${name}`);
  return ['path', 'status', 'label', 'confidence', ...familiarity, ...probabilities, 'message', 'model'];
}

/**
 * Return the values of a row as text, in the order of `columnNames`; empty where an error row has no value.
 *
 * @param {Row} row
 * @param {Layout} layout
 */
export function cellsOf(row, { classes, hasFamiliarity }) {
  const familiarity = hasFamiliarity ? [rounded(row.familiarity)] : [];
  const probabilities = classes.map((_, place) => rounded(row.probabilities[place]));
  const confidence = rounded(row.confidence);
  return [row.path, row.status, row.label ?? '', confidence, ...familiarity, ...probabilities, row.message, row.model];
}

/**
 * Return the header line of a CSV file.
 *
 * @param {Layout} layout
 */
export function csvHeader(layout) {
  return csvLine(columnNames(layout));
}

/**
 * Return the line of a row in a CSV file.
 *
 * @param {Row} row
 * @param {Layout} layout
 */
export function csvRow(row, layout) {
  return csvLine(cellsOf(row, layout));
}

/** @param {string[]} cells */
function csvLine(cells) {
  return `${cells.map((cell) => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell)).join(',')}\n`;
}

/** @param {number | null | undefined} value */
function rounded(value) {
  return value === null || value === undefined ? '' : sixDecimals(value);
}
