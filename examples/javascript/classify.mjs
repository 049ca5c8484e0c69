/** Classify images, and print the rows that `galaxy-classify` prints. */

import { once } from 'node:events';

import { DEFAULT_MODEL, DONE, FAILURES, UsageError, loadModel, run } from './command.mjs';
import { csvHeader, csvRow } from './core/csv.mjs';
import { ImageError } from './core/errors.mjs';
import { decode } from './decode.mjs';
import { imagesAmong, readImage } from './inputs.mjs';

const USAGE = `Usage: node classify.mjs [-m MODEL] IMAGES...

Classify JPEG and PNG images, and print a CSV row for each, in order. IMAGES are
files and folders; - reads a list of paths from standard input.

  -m, --model MODEL  a standalone model (default: ${DEFAULT_MODEL})
  -h, --help         show this help

Exit codes: 0 done; 1 some rows are errors; 2 wrong command line; 3 the model
cannot be used; 4 stopped before the end.
`;

/** Images that are read and decoded while others are classified. */
const AHEAD = 4;

await run(USAGE, async (model, names) => {
  if (names.length === 0) throw new UsageError('nothing to classify: name image files or folders');
  const classifier = await loadModel(model);
  const counts = { ok: 0, uncertain: 0, unfamiliar: 0, error: 0 };
  let skipped = 0;
  await write(csvHeader(classifier));
  const paths = imagesAmong(names, () => (skipped += 1));
  for await (const [path, image] of decoded(paths)) {
    const row = image instanceof ImageError
      ? classifier.failure(path, image.message)
      : await classifier.classify(path, image);
    counts[row.status] += 1;
    await write(csvRow(row, classifier));
  }
  summarize(counts, skipped);
  return counts.error > 0 ? FAILURES : DONE;
});

/**
 * Yield each image with its path, in order, or the reason why it cannot be read; some are decoded ahead.
 *
 * @param {AsyncIterable<string>} paths
 * @returns {AsyncGenerator<[string, import('./core/classifier.mjs').Image | ImageError]>}
 */
async function* decoded(paths) {
  /** @type {Promise<[string, import('./core/classifier.mjs').Image | ImageError]>[]} */
  const waiting = [];
  for await (const path of paths) {
    waiting.push(readAndDecode(path));
    const first = waiting.length > AHEAD ? waiting.shift() : undefined;
    if (first) yield first;
  }
  yield* waiting;
}

/**
 * @param {string} path
 * @returns {Promise<[string, import('./core/classifier.mjs').Image | ImageError]>}
 */
async function readAndDecode(path) {
  try {
    return [path, await decode(await readImage(path))];
  } catch (error) {
    // An error that is no `ImageError` is a mistake in this program. It must not end the run either, nor be lost.
    return [path, error instanceof ImageError ? error : new ImageError(`cannot be read: ${error}`)];
  }
}

/** @param {string} text */
async function write(text) {
  if (!process.stdout.write(text)) await once(process.stdout, 'drain');
}

/**
 * @param {Record<import('./core/csv.mjs').Row['status'], number>} counts
 * @param {number} skipped
 */
function summarize({ ok, uncertain, unfamiliar, error }, skipped) {
  const total = ok + uncertain + unfamiliar + error;
  console.error(
    `${total} image${total === 1 ? '' : 's'}: ${ok + uncertain} classified (${uncertain} of them uncertain), ` +
      `${unfamiliar} unfamiliar, ${error} failed`,
  );
  if (skipped > 0) console.error(`skipped: ${skipped} file${skipped === 1 ? '' : 's'} in folders without an image suffix`);
}
