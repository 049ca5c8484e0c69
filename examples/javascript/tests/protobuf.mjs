/** Write messages of Protocol Buffers, of which ONNX files consist. */

/**
 * Return a field that holds text or a message.
 *
 * @param {number} number
 * @param {string | number[]} content
 * @returns {number[]}
 */
export function field(number, content) {
  const bytes = typeof content === 'string' ? [...Buffer.from(content)] : content;
  return [number * 8 + 2, ...varint(bytes.length), ...bytes];
}

/** @param {number} value */
function varint(value) {
  return value < 128 ? [value] : [(value % 128) + 128, value >> 7];
}
