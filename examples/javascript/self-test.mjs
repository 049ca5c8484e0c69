/** Classify the golden images beside a standalone model, and compare with what is recorded. */

import { readFile } from 'node:fs/promises';

import { DEFAULT_MODEL, DONE, UsageError, loadModel, missing, run } from './command.mjs';
import { ModelError } from './core/errors.mjs';
import { selfTest } from './core/golden.mjs';
import { decode } from './decode.mjs';

const USAGE = `Usage: node self-test.mjs [-m MODEL]

Classify the golden images beside a standalone model, MODEL.golden.json, and
compare: pixels within one level of 255, probabilities and familiarity within
the recorded tolerance.

  -m, --model MODEL  a standalone model (default: ${DEFAULT_MODEL})
  -h, --help         show this help

Exit codes: 0 all hold; 2 wrong command line; 3 something differs, or the model
cannot be used.
`;

await run(USAGE, async (model, names) => {
  if (names.length > 0) throw new UsageError('a self-test takes no images; name the model with --model');
  const classifier = await loadModel(model);
  const file = model.replace(/\.onnx$/, '.golden.json');
  const { differences, failures, tolerance } = await compare(classifier, file);
  const largest = Math.max(...differences.map(({ probability, familiarity }) => Math.max(probability, familiarity)));
  console.log(`model: ${classifier.identity}, ${differences.length} golden images`);
  console.log(`pixels: differ by ${Math.max(...differences.map(({ pixels }) => pixels))} levels at most`);
  console.log(`probabilities and familiarity: differ by ${largest.toExponential(1)} at most, allowed ${tolerance}`);
  if (failures.length > 0) throw new ModelError(`${model}: ${failures.join('; ')}`);
  console.log('passed');
  return DONE;
});

/**
 * @param {import('./core/classifier.mjs').Classifier} classifier
 * @param {string} file
 */
async function compare(classifier, file) {
  try {
    return await selfTest(classifier, JSON.parse(await readFile(file, 'utf8')), decode);
  } catch (error) {
    if (error instanceof ModelError) throw new ModelError(`${file}: ${error.message}`);
    throw missing(file, error, 'a self-test needs the golden images that galaxy-classify standalone writes beside the model');
  }
}
