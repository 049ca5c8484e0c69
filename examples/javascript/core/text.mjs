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
