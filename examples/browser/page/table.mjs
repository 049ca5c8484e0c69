/** The table of results: sorted, filtered, and one page of it at a time, so that it stays fast for any number of rows. */

/** @typedef {import('../../javascript/core/csv.mjs').Row} Row */
/** @typedef {import('./worker.mjs').Picture} Picture */

/**
 * A row of the table. `number` counts from 1, in the order of the inputs; `picture` is what the network saw.
 *
 * @typedef {{number: number, row: Row, picture: Picture | null}} Result
 */

export const STATUSES = ['ok', 'uncertain', 'unfamiliar', 'error'];

const ROWS_PER_PAGE = 50;
/** Of a model with more classes, the most probable ones are shown. */
const MOST_BARS = 4;
const COLOURS = 7;

/**
 * Columns by their headings. A row without a value, such as an error, comes last in whatever order.
 *
 * @type {Record<string, (result: Result) => string | number | null>}
 */
const SORT_KEYS = {
  'No.': ({ number }) => number,
  File: ({ row }) => row.path,
  Status: ({ row }) => STATUSES.indexOf(row.status),
  Class: ({ row }) => row.label,
  Confidence: ({ row }) => row.confidence,
  Familiarity: ({ row }) => row.familiarity,
};

export class ResultTable {
  /** @type {Result[]} */
  results = [];
  /** @type {Result[]} in the order shown, without those that are filtered out */
  #shown = [];
  #filter = '';
  #sortedBy = 'No.';
  #descending = false;
  #page = 0;
  /** @type {Map<Result, HTMLElement>} rows in the document */
  #drawn = new Map();
  /** @type {string[]} */
  #classes = [];
  #isWaiting = false;
  #announce;

  /** @param {(text: string) => void} announce tell those who cannot see it */
  constructor(announce) {
    this.#announce = announce;
    byId('filters').addEventListener('click', ({ target }) => {
      const button = /** @type {Element} */ (target).closest('button');
      if (button) this.#filterBy(button.dataset.status ?? '');
    });
    byId('pager').addEventListener('click', ({ target }) => {
      const button = /** @type {Element} */ (target).closest('button');
      if (button && button.getAttribute('aria-disabled') !== 'true') this.#turnTo(button.dataset.page ?? '');
    });
    byId('headings').addEventListener('click', ({ target }) => {
      const button = /** @type {Element} */ (target).closest('button');
      if (button) this.#sortBy(button.dataset.column ?? '');
    });
    byId('filters').append(...['', ...STATUSES].map(filterButton));
  }

  /** @param {import('./worker.mjs').Model} model */
  setModel({ classes, hasFamiliarity }) {
    this.#classes = classes;
    const columns = ['No.', 'Image', 'File', 'Status', 'Class', 'Confidence', 'Probabilities', 'Familiarity'];
    byId('headings').replaceChildren(...columns.filter((name) => hasFamiliarity || name !== 'Familiarity').map(heading));
    this.#markSorted();
  }

  /**
   * @param {Row} row
   * @param {Picture | null} picture
   */
  add(row, picture) {
    this.results.push({ number: this.results.length + 1, row, picture });
    this.#drawSoon();
  }

  clear() {
    this.results = [];
    this.#filter = '';
    this.#sortedBy = 'No.';
    this.#descending = false;
    this.#page = 0;
    this.#markSorted();
    this.draw();
  }

  /** Return how many rows have each status. */
  counts() {
    const counts = new Map(STATUSES.map((status) => [status, 0]));
    for (const { row } of this.results) counts.set(row.status, (counts.get(row.status) ?? 0) + 1);
    return counts;
  }

  /** Bring the document up to date. */
  draw() {
    this.#shown = this.#filter ? this.results.filter(({ row }) => row.status === this.#filter) : [...this.results];
    // They come in order of their numbers.
    if (this.#sortedBy !== 'No.') this.#shown.sort(this.#comparison());
    else if (this.#descending) this.#shown.reverse();
    this.#page = Math.max(0, Math.min(this.#page, this.#lastPage()));
    this.#drawRows();
    this.#drawPager();
    this.#drawFilters();
  }

  #drawSoon() {
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    // Several times a second, also where the page cannot be seen, so that no frames are drawn.
    setTimeout(() => {
      this.#isWaiting = false;
      this.draw();
    }, 200);
  }

  #comparison() {
    const key = SORT_KEYS[this.#sortedBy];
    const sign = this.#descending ? -1 : 1;
    return (/** @type {Result} */ one, /** @type {Result} */ other) => {
      const [a, b] = [key(one), key(other)];
      if (a === b) return one.number - other.number;
      if (a === null || b === null) return a === null ? 1 : -1;
      return a < b ? -sign : sign;
    };
  }

  #lastPage() {
    return Math.max(0, Math.ceil(this.#shown.length / ROWS_PER_PAGE) - 1);
  }

  #drawRows() {
    const first = this.#page * ROWS_PER_PAGE;
    const results = this.#shown.slice(first, first + ROWS_PER_PAGE);
    const drawn = new Map(results.map((result) => [result, this.#drawn.get(result) ?? tableRow(result, this.#classes)]));
    this.#drawn = drawn; // those of other pages are forgotten
    const elements = [...drawn.values()];
    const body = byId('rows');
    const isSame = elements.length === body.children.length && elements.every((each, at) => each === body.children[at]);
    if (!isSame) body.replaceChildren(...elements);
    elements.forEach((element, place) => element.setAttribute('aria-rowindex', String(first + place + 2)));
    byId('table').setAttribute('aria-rowcount', String(this.#shown.length + 1));
    byId('empty').hidden = this.#shown.length > 0;
  }

  #drawPager() {
    const first = this.#page * ROWS_PER_PAGE;
    const last = Math.min(first + ROWS_PER_PAGE, this.#shown.length);
    byId('pager').hidden = this.#shown.length <= ROWS_PER_PAGE;
    byId('range').textContent = `Rows ${counted(first + 1)} to ${counted(last)} of ${counted(this.#shown.length)}`;
    for (const button of byId('pager').querySelectorAll('button')) {
      const isBack = button.dataset.page === 'first' || button.dataset.page === 'previous';
      // Not `disabled`, which would lose the focus.
      button.setAttribute('aria-disabled', String(this.#page === (isBack ? 0 : this.#lastPage())));
    }
  }

  #drawFilters() {
    const counts = this.counts().set('', this.results.length);
    for (const button of byId('filters').querySelectorAll('button')) {
      const status = button.dataset.status ?? '';
      button.setAttribute('aria-pressed', String(status === this.#filter));
      /** @type {HTMLElement} */ (button.lastElementChild).textContent = counted(counts.get(status) ?? 0);
    }
  }

  #markSorted() {
    for (const cell of byId('headings').children) {
      const name = /** @type {HTMLElement | null} */ (cell.querySelector('button'))?.dataset.column;
      if (name !== this.#sortedBy) cell.removeAttribute('aria-sort');
      else cell.setAttribute('aria-sort', this.#descending ? 'descending' : 'ascending');
    }
  }

  /** @param {string} status empty for all */
  #filterBy(status) {
    this.#filter = status;
    this.#page = 0;
    this.draw();
    this.#announce(`${counted(this.#shown.length)} rows shown`);
  }

  /** @param {string} column */
  #sortBy(column) {
    this.#descending = column === this.#sortedBy && !this.#descending;
    this.#sortedBy = column;
    this.#page = 0;
    this.#markSorted();
    this.draw();
    this.#announce(`Sorted by ${column}, ${this.#descending ? 'descending' : 'ascending'}`);
  }

  /** @param {string} where */
  #turnTo(where) {
    const pages = { first: 0, previous: this.#page - 1, next: this.#page + 1, last: this.#lastPage() };
    this.#page = pages[/** @type {keyof typeof pages} */ (where)];
    this.draw();
    byId('results-title').scrollIntoView({ block: 'start' });
    this.#announce(byId('range').textContent ?? '');
  }
}

/**
 * @param {string} id
 * @returns {HTMLElement}
 */
function byId(id) {
  return /** @type {HTMLElement} */ (document.getElementById(id));
}

/** @param {number} number */
function counted(number) {
  return number.toLocaleString('en-US');
}

/**
 * Make an element. Texts are never markup: file names may hold anything.
 *
 * @param {string} tag
 * @param {Record<string, string>} attributes
 * @param {...(string | Node)} content
 * @returns {HTMLElement}
 */
export function make(tag, attributes = {}, ...content) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...content);
  return element;
}

/** @param {string} status */
function filterButton(status) {
  const count = make('span', { class: 'count' }, '0');
  const attributes = { type: 'button', 'data-status': status, 'aria-pressed': 'false' };
  return make('button', attributes, make('span', {}, status || 'all'), ' ', count);
}

/** @param {string} name */
function heading(name) {
  const attributes = { role: 'columnheader', scope: 'col', class: classOf(name) };
  if (!(name in SORT_KEYS)) return make('th', attributes, name);
  return make('th', attributes, make('button', { type: 'button', 'data-column': name }, name));
}

/** @param {string} column */
function classOf(column) {
  return column.toLowerCase().replace('.', '');
}

/**
 * @param {Result} result
 * @param {string[]} classes
 */
function tableRow({ number, row, picture }, classes) {
  /** @type {(column: string, ...content: (string | Node)[]) => HTMLElement} */
  const cell = (column, ...content) => make('td', { role: 'cell', class: classOf(column) }, ...content);
  const name = make('span', { class: 'path', title: row.path }, row.path);
  const message = row.message ? [make('span', { class: 'message' }, row.message)] : [];
  const element = make(
    'tr',
    { role: 'row', 'data-status': row.status },
    cell('No.', counted(number)),
    cell('Image', picture ? canvasOf(picture) : make('span')),
    make('th', { role: 'rowheader', scope: 'row', class: 'file' }, name, ...message),
    cell('Status', make('span', { class: 'status' }, row.status)),
    cell('Class', ...(row.label === null ? [] : [dot(classes.indexOf(row.label))]), make('span', { class: 'label' }, row.label ?? '')),
    cell('Confidence', row.confidence?.toFixed(3) ?? ''),
    cell('Probabilities', ...(row.label === null ? [] : [bars(row.probabilities, classes)])),
  );
  const hasFamiliarity = byId('headings').querySelector('.familiarity') !== null;
  if (hasFamiliarity) element.append(cell('Familiarity', row.familiarity?.toFixed(3) ?? ''));
  return element;
}

/** @param {Picture} picture */
function canvasOf({ width, height, data }) {
  const canvas = document.createElement('canvas');
  const pixels = new ImageData(width, height);
  pixels.data.fill(255);
  for (let from = 0, to = 0; from < data.length; from += 3, to += 4) {
    for (let colour = 0; colour < 3; colour += 1) pixels.data[to + colour] = data[from + colour];
  }
  Object.assign(canvas, { width, height });
  canvas.setAttribute('aria-hidden', 'true'); // the row says it all
  canvas.getContext('2d')?.putImageData(pixels, 0, 0);
  return canvas;
}

/** @param {number} place of a class */
export function dot(place) {
  return make('span', { class: 'dot', 'data-colour': String(place % COLOURS) });
}

/**
 * @param {number[]} probabilities
 * @param {string[]} classes
 */
function bars(probabilities, classes) {
  const places = probabilities.map((_, place) => place);
  if (places.length > MOST_BARS) places.sort((one, other) => probabilities[other] - probabilities[one]);
  return make('ul', { class: 'bars' }, ...places.slice(0, MOST_BARS).map((place) => {
    const bar = make('span', { class: 'track', 'data-colour': String(place % COLOURS) }, make('span'));
    // A policy that forbids styles in markup allows those set by a script.
    bar.style.setProperty('--share', `${100 * probabilities[place]}%`);
    return make('li', {}, make('span', { class: 'name' }, classes[place]), bar, probabilities[place].toFixed(3));
  }));
}
