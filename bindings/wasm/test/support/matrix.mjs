// A table of what was tried where. Every cell says something: what nobody has played stands there as NOT PLAYED.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

/** In build/ of the repository, where `./dev test` shows it from. */
const fileOf = (name) => fileURLToPath(new URL(`../../../../build/${name}.md`, import.meta.url));

export class Matrix {
  #name;
  #title;
  #rows;
  #columns = [];
  #cells = new Map();
  #notes = [];

  /** `name`: of the file. */
  constructor(name, title, rows) {
    this.#name = name;
    this.#title = title;
    this.#rows = rows;
  }

  addColumn(column) {
    this.#columns.push(column);
  }

  /** A note is a reason: the same one stands below the table once. */
  set(row, column, text, note) {
    let mark = '';
    if (note !== undefined) {
      if (!this.#notes.includes(note)) this.#notes.push(note);
      mark = ` [${this.#notes.indexOf(note) + 1}]`;
    }
    this.#cells.set(`${row}|${column}`, `${text}${mark}`);
  }

  setColumn(column, text, note) {
    for (const row of this.#rows) this.set(row, column, text, note);
  }

  /** Markdown, with columns that are as wide as they must be. */
  text() {
    const cellsOf = (row) => this.#columns.map((column) => this.#cells.get(`${row}|${column}`) ?? 'NOT PLAYED');
    const lines = [[this.#title, ...this.#columns], ...this.#rows.map((row) => [row, ...cellsOf(row)])];
    const widths = lines[0].map((_, i) => Math.max(...lines.map((line) => line[i].length)));
    const printed = lines.map((line) => `| ${line.map((cell, i) => cell.padEnd(widths[i])).join(' | ')} |`);
    printed.splice(1, 0, `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`);
    if (this.#notes.length > 0) printed.push('', ...this.#notes.map((note, i) => `[${i + 1}] ${note}`));
    return `${printed.join('\n')}\n`;
  }

  /** Writes and prints it. */
  finish() {
    const file = fileOf(this.#name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, this.text());
    console.log(this.text());
  }
}
