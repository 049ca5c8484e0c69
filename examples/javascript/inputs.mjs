/** Find the images among the names on a command line, and read them, as the package does. */

import { lstat, readFile, readdir, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';

import { ImageError } from './core/errors.mjs';

/** Suffixes of images in folders; a file that is named is classified whatever its suffix. */
const IMAGE = /\.(jpe?g|png|tiff?|webp|bmp|gif|fits?(\.gz)?|fz)$/i;
/** Archives and tables with images, whose images the package classifies. */
const ARCHIVE = /\.(tar(\.gz|\.bz2|\.xz)?|tgz|zip)$/i;
const TABLE = /\.parquet$/i;

/**
 * Yield the path of each image, and say how many other files lie in the folders.
 *
 * @param {string[]} names files, folders, and `-` for a list of paths on standard input
 * @param {(name: string) => void} skip is called for each file in a folder without an image suffix
 * @returns {AsyncGenerator<string>}
 */
export async function* imagesAmong(names, skip) {
  for (const name of names) {
    if (name === '-') {
      for await (const line of createInterface({ input: process.stdin })) if (line) yield line;
    } else if (await isFolder(name)) {
      yield* imagesBelow(name, { top: path.join(await realpath(name), path.sep), visited: new Set() }, skip);
    } else {
      yield name;
    }
  }
}

/**
 * Yield the images in a folder in sorted order, each folder once, whatever links lead to it.
 *
 * @param {string} folder
 * @param {{top: string, visited: Set<string>}} walk the first folder, and those that the walk has been to, without links
 * @param {(name: string) => void} skip
 * @returns {AsyncGenerator<string>}
 */
async function* imagesBelow(folder, walk, skip) {
  let names;
  try {
    const real = await realpath(folder);
    // Folders below the first one are visited by their own paths, not by links to them.
    const isLink = (await lstat(folder)).isSymbolicLink();
    if (walk.visited.has(real) || (isLink && walk.visited.size > 0 && `${real}${path.sep}`.startsWith(walk.top))) return;
    walk.visited.add(real);
    names = (await readdir(folder)).sort((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)));
  } catch {
    yield folder; // its row says why it cannot be read
    return;
  }
  const inside = folder.endsWith(path.sep) ? folder : folder + path.sep;
  for (const name of names) {
    if (await isFolder(inside + name)) yield* imagesBelow(inside + name, walk, skip);
    else if (IMAGE.test(name) || ARCHIVE.test(name)) yield inside + name;
    else skip(name);
  }
}

/** @param {string} name */
async function isFolder(name) {
  try {
    return (await stat(name)).isDirectory();
  } catch {
    return false;
  }
}

/**
 * Read an image file.
 *
 * @param {string} name
 * @returns {Promise<Uint8Array>}
 * @throws {ImageError} if it cannot be read; the message is that of the package
 */
export async function readImage(name) {
  try {
    const status = await stat(name);
    if (status.isDirectory()) {
      await readdir(name); // of a folder that cannot be listed, "permission denied" says more
      throw new ImageError('is a folder, not an image');
    }
    if (!status.isFile()) throw new ImageError('not a regular file');
    if (ARCHIVE.test(name) || TABLE.test(name)) {
      throw new ImageError('not supported here: archives and tables; use the package galaxy-classify');
    }
    return await readFile(name);
  } catch (error) {
    throw error instanceof ImageError ? error : new ImageError(whyNotRead(name, error));
  }
}

/**
 * @param {string} name
 * @param {unknown} error
 */
function whyNotRead(name, error) {
  const { code, message } = /** @type {NodeJS.ErrnoException} */ (error);
  // Node turns bytes that are not UTF-8 into this character, and then does not find the file.
  if (code === 'ENOENT' && name.includes('\ufffd')) return 'not supported here: a name that is not UTF-8';
  if (code === 'ENOENT' || code === 'ENOTDIR') return 'no such file';
  if (code === 'EACCES' || code === 'EPERM') return 'permission denied';
  return `cannot be opened: ${message}`;
}
