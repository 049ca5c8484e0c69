/** Turn decoded pixels into upright RGB without transparency, as the package does in `images/pixels.py`. */

/**
 * Composite pixels with an alpha channel on black, the colour of the sky, with the rounding of Pillow.
 *
 * @param {Uint8Array} rgba
 * @returns {Uint8Array} RGB
 */
export function onBlack(rgba) {
  const rgb = new Uint8Array((rgba.length / 4) * 3);
  for (let from = 0, to = 0; from < rgba.length; from += 4, to += 3) {
    for (let colour = 0; colour < 3; colour += 1) {
      const product = rgba[from + colour] * rgba[from + 3] + 128;
      rgb[to + colour] = ((product >> 8) + product) >> 8; // divides by 255
    }
  }
  return rgb;
}

/** How an image is to be turned, by its EXIF orientation: whether its axes are swapped, and its edges then flipped. */
/** @type {Record<number, {swapped: boolean, across: boolean, down: boolean}>} */
const TURNS = {
  2: { swapped: false, across: true, down: false },
  3: { swapped: false, across: true, down: true },
  4: { swapped: false, across: false, down: true },
  5: { swapped: true, across: false, down: false },
  6: { swapped: true, across: true, down: false },
  7: { swapped: true, across: true, down: true },
  8: { swapped: true, across: false, down: true },
};

/**
 * Turn an image as its EXIF orientation says.
 *
 * @param {import('./classifier.mjs').Image} image
 * @param {number | undefined} orientation 1 to 8; others say nothing
 * @returns {import('./classifier.mjs').Image}
 */
export function upright(image, orientation) {
  const turn = TURNS[orientation ?? 1];
  if (!turn) return image;
  const [width, height] = turn.swapped ? [image.height, image.width] : [image.width, image.height];
  const data = new Uint8Array(image.data.length);
  for (let row = 0; row < height; row += 1) {
    for (let column = 0; column < width; column += 1) {
      const across = turn.across ? width - 1 - column : column;
      const down = turn.down ? height - 1 - row : row;
      const from = turn.swapped ? across * image.width + down : down * image.width + across;
      data.set(image.data.subarray(3 * from, 3 * from + 3), 3 * (row * width + column));
    }
  }
  return { ...image, width, height, data };
}
