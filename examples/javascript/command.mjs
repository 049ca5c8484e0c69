/** What both commands share: the option `--model`, loading the model, and errors that become exit codes. */

import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';

import * as ort from 'onnxruntime-node';

import { Classifier } from './core/classifier.mjs';
import { ModelError } from './core/errors.mjs';
import { printable } from './core/like_python.mjs';

// ONNX Runtime reads this when it makes its first session (version 1.29 and later). Without it, its official builds write
// an identifier and a database of events below the user's cache folder, and send the events to their maker.
process.env.ORT_DISABLE_TELEMETRY ??= '1';

/** Exit codes, as the package has them. */
export const DONE = 0;
export const FAILURES = 1;
const USAGE = 2;
const MODEL = 3;
const STOPPED = 4;
const BROKEN_PIPE = 141;

export const DEFAULT_MODEL = 'galaxy-cnn-standalone.onnx';

/** A command line that makes no sense. */
export class UsageError extends Error {}

/**
 * Run a command, and turn its errors into one line on standard error and an exit code.
 *
 * @param {string} usage what `--help` prints
 * @param {(model: string, names: string[]) => Promise<number>} command returns the exit code
 */
export async function run(usage, command) {
  process.stdout.on('error', (error) => {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'EPIPE') process.exit(BROKEN_PIPE);
    throw error;
  });
  try {
    const { values, positionals } = argumentsOf();
    if (values.help) process.stdout.write(usage);
    else process.exitCode = await command(values.model, positionals);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    console.error(`error: ${printable(message)}`);
    process.exitCode = error instanceof UsageError ? USAGE : error instanceof ModelError ? MODEL : STOPPED;
  }
}

function argumentsOf() {
  try {
    return parseArgs({
      options: {
        model: { type: 'string', short: 'm', default: DEFAULT_MODEL },
        help: { type: 'boolean', short: 'h', default: false },
      },
      allowPositionals: true,
    });
  } catch (error) {
    throw new UsageError(`${error instanceof Error ? error.message : error} (see --help)`);
  }
}

/**
 * Load a standalone model.
 *
 * @param {string} file
 * @throws {ModelError} if it is missing, or cannot be used
 */
export async function loadModel(file) {
  try {
    // Threads for one small image at a time cost more than they bring.
    return await Classifier.load(ort, await readFile(file), { session: { intraOpNumThreads: 1 } });
  } catch (error) {
    if (error instanceof ModelError) throw new ModelError(`${file}: ${error.message}`);
    throw missing(file, error, `write it with: galaxy-classify standalone ${file}`);
  }
}

/**
 * Return the error for a file of the model that cannot be read.
 *
 * @param {string} file
 * @param {unknown} error
 * @param {string} remedy
 */
export function missing(file, error, remedy) {
  const { code, message } = /** @type {NodeJS.ErrnoException} */ (error);
  return new ModelError(`${file}: ${code === 'ENOENT' ? 'no such file' : message}; ${remedy}`);
}
