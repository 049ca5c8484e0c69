/** Feed the worker: a few images at a time, so that stopping takes effect at once. */

import { scriptAddress } from './trusted.mjs';

/** @typedef {import('./files.mjs').Input} Input */
/** @typedef {import('../../javascript/core/csv.mjs').Row} Row */
/** @typedef {import('./worker.mjs').Picture} Picture */

/** Images that the worker has at a time: one that it classifies, and others that it decodes meanwhile. */
const AT_ONCE = 4;

/**
 * What is done with the worker's answers. `onBroken` means that nothing can be classified.
 *
 * @typedef {object} Answers
 * @property {(model: import('./worker.mjs').Model) => void} onReady
 * @property {(row: Row, picture: Picture | null) => void} onRow
 * @property {(message: string) => void} onBroken
 */

export class WorkQueue {
  /** @type {Input[]} */
  #waiting = [];
  /** Inputs that the worker has, by number, in their order. @type {Map<number, Input & {fault?: string}>} */
  #inHand = new Map();
  #count = 0;
  #isReady = false;
  #answers;
  #worker;
  #sending = Promise.resolve();

  /** @param {Answers} answers */
  constructor(answers) {
    this.#answers = answers;
    this.#worker = this.#start();
  }

  /** Number of inputs that have no row yet. */
  get left() {
    return this.#waiting.length + this.#inHand.size;
  }

  /** @param {Input[]} inputs */
  add(inputs) {
    this.#waiting = this.#waiting.concat(inputs);
    this.#feed();
  }

  /** Forget the inputs that the worker does not have yet, and return how many they were. */
  stop() {
    return this.#waiting.splice(0).length;
  }

  /** Forget all inputs: those that the worker has get no rows either. */
  clear() {
    this.#waiting = [];
    this.#inHand.clear();
  }

  #start() {
    const worker = startWorker();
    // What a worker has said before its end may come after it.
    worker.onmessage = ({ data }) => worker === this.#worker && this.#answer(data);
    worker.onerror = (event) => {
      event.preventDefault();
      if (worker === this.#worker) this.#fail(event.message || 'the worker has ended', [...this.#inHand.keys()][0]);
    };
    return worker;
  }

  #feed() {
    while (this.#waiting.length && this.#inHand.size < AT_ONCE) {
      this.#count += 1;
      this.#inHand.set(this.#count, /** @type {Input} */ (this.#waiting.shift()));
      this.#send(this.#count);
    }
  }

  /** @param {number} id */
  #send(id) {
    // One after the other: to open a file takes different times, and rows keep the order of the inputs.
    this.#sending = this.#sending.then(async () => {
      const input = this.#inHand.get(id);
      if (!input) return;
      const { path } = input;
      try {
        if (input.fault) throw new Error(input.fault);
        this.#worker.postMessage({ id, path, file: await input.open() });
      } catch (error) {
        this.#worker.postMessage({ id, path, fault: /** @type {Error} */ (error).message });
      }
    });
  }

  /** @param {any} answer */
  #answer(answer) {
    if (answer.kind === 'ready') {
      this.#isReady = true;
      this.#answers.onReady(answer.model);
    } else if (answer.kind === 'failed') {
      this.#fail(answer.message, answer.id);
    } else if (this.#inHand.delete(answer.id)) {
      this.#feed();
      this.#answers.onRow(answer.row, answer.picture);
    }
  }

  /**
   * Begin again with a new worker: after a failure, as of one without memory, its model cannot be relied on. The input
   * that it had becomes an error row. If the worker has not been ready, nothing can be done.
   *
   * @param {string} message
   * @param {number | undefined} id of the input
   */
  #fail(message, id) {
    this.#worker.terminate();
    if (!this.#isReady) {
      this.clear();
      this.#answers.onBroken(message);
      return;
    }
    const input = id === undefined ? undefined : this.#inHand.get(id);
    if (input) input.fault = `cannot be classified here: ${message}`;
    this.#isReady = false;
    this.#worker = this.#start();
    for (const each of this.#inHand.keys()) this.#send(each);
  }
}

/**
 * Start the worker from an address within this page. One from the server's address would have a policy of its own: this
 * one inherits the page's, and cannot connect to anywhere else either.
 */
function startWorker() {
  const code = `import ${JSON.stringify(new URL('worker.mjs', import.meta.url).href)};`;
  const address = URL.createObjectURL(new Blob([code], { type: 'text/javascript' }));
  return new Worker(scriptAddress(address), { type: 'module' });
}
