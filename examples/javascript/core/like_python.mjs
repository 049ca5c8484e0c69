/** Rounding, and text that is safe to print, as Python has them. */

/**
 * Round to a whole number; what lies exactly between two goes to the even one.
 *
 * @param {number} value not negative
 */
export function roundHalfEven(value) {
  const below = Math.floor(value);
  const rest = value - below;
  return rest > 0.5 || (rest === 0.5 && below % 2 === 1) ? below + 1 : below;
}

/**
 * Return a number with six decimals, as in result files.
 *
 * @param {number} value
 */
export function sixDecimals(value) {
  // `toFixed` rounds what lies exactly in between away from zero. With six decimals, only odd multiples of 1/128 do.
  const between = Math.abs(value * 128) % 2 === 1;
  if (!between) return value.toFixed(6);
  const millionths = roundHalfEven(Math.abs(value) * 1e6);
  return (Math.sign(value) * millionths / 1e6).toFixed(6);
}

/**
 * Return text that cannot move the cursor or colour the terminal, as the package shows it in messages.
 *
 * @param {string} text
 */
export function printable(text) {
  // Not printable are controls, format marks, surrogates, unassigned characters, and all spaces but the plain one.
  return text.replace(/(?! )[\p{C}\p{Z}]/gu, (character) => {
    const short = { '\t': '\\t', '\n': '\\n', '\r': '\\r' }[character];
    if (short) return short;
    const hexadecimal = /** @type {number} */ (character.codePointAt(0)).toString(16);
    if (hexadecimal.length <= 2) return `\\x${hexadecimal.padStart(2, '0')}`;
    if (hexadecimal.length <= 4) return `\\u${hexadecimal.padStart(4, '0')}`;
    return `\\U${hexadecimal.padStart(8, '0')}`;
  });
}
