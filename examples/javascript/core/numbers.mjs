/** Rounding as Python does it: what lies exactly between two numbers goes to the even one. */

/** @param {number} value not negative */
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
