/** Find the images among dropped and chosen files and folders, as the command finds them among its arguments. */

/**
 * An image to be classified, under the path that its row will have.
 *
 * @typedef {{path: string, open: () => Promise<File>}} Input
 */

/** @typedef {{inputs: Input[], skipped: number}} Found `skipped` counts files in folders without an image suffix */

/** A file that the user names is classified whatever its suffix. */
const IMAGE_SUFFIX = /\.(jpe?g|png|tiff?|webp|bmp|gif|fits|fit|fits\.gz|fit\.gz|fz)$/i;

/**
 * Return the images among the files of an `<input type="file">`, for files or for a folder.
 *
 * @param {Iterable<File>} files
 * @returns {Found}
 */
export function chosenInputs(files) {
  const all = Array.from(files, (file) => ({ path: file.webkitRelativePath || file.name, open: async () => file }));
  const inFolder = all.some(({ path }) => path.includes('/'));
  return withoutOthers(inFolder ? inOrder(all) : all);
}

/**
 * Return the images among dropped files and folders.
 *
 * @param {DataTransfer} dropped
 * @returns {Promise<Found>}
 */
export async function droppedInputs(dropped) {
  // All of them at once: behind the first wait, the browser has forgotten what was dropped.
  const entries = Array.from(dropped.items, (item) => item.webkitGetAsEntry());
  const files = chosenInputs(dropped.files);
  if (!entries.some((entry) => entry?.isDirectory)) return files;
  const found = await Promise.all(entries.map((entry) => (entry ? inputsIn(entry, entry.name) : [])));
  return withoutOthers(found.map(inOrder).flat());
}

/**
 * Sort the images of a folder as the command does: folder by folder.
 *
 * @param {Input[]} inputs
 */
function inOrder(inputs) {
  const keyed = inputs.map((input) => ({ input, key: input.path.replaceAll('/', '\0') }));
  keyed.sort((one, other) => (one.key < other.key ? -1 : Number(one.key > other.key)));
  return keyed.map(({ input }) => input);
}

/**
 * Leave out files in folders without an image suffix.
 *
 * @param {Input[]} found
 * @returns {Found}
 */
function withoutOthers(found) {
  const inputs = found.filter(({ path }) => !path.includes('/') || IMAGE_SUFFIX.test(path));
  return { inputs, skipped: found.length - inputs.length };
}

/**
 * @param {FileSystemEntry} entry
 * @param {string} path
 * @returns {Promise<Input[]>}
 */
async function inputsIn(entry, path) {
  if (!entry.isDirectory) return [{ path, open: () => fileOf(/** @type {FileSystemFileEntry} */ (entry)) }];
  const inside = await entriesOf(/** @type {FileSystemDirectoryEntry} */ (entry));
  return (await Promise.all(inside.map((each) => inputsIn(each, `${path}/${each.name}`)))).flat();
}

/**
 * @param {FileSystemFileEntry} entry
 * @returns {Promise<File>}
 */
function fileOf(entry) {
  return new Promise((resolve, reject) => {
    entry.file(resolve, () => reject(new Error('no such file')));
  });
}

/** @param {FileSystemDirectoryEntry} folder */
async function entriesOf(folder) {
  const reader = folder.createReader();
  /** @type {FileSystemEntry[]} */
  const all = [];
  for (;;) {
    /** @type {FileSystemEntry[]} */
    // A folder that cannot be read counts as empty.
    const some = await new Promise((resolve) => reader.readEntries(resolve, () => resolve([])));
    if (!some.length) return all;
    all.push(...some);
  }
}
