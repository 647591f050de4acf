// An entry of a batch, decoded when it is asked: until then it is a row in the batch's tables. No text that is handed
// out keeps the batch's bytes alive.
import { MillraceError } from './errors.js';
import type { BatchData, DecodeText } from './host/records.js';

/** What the entries of one batch share.
 * @internal */
export interface BatchContent {
  /** None once the batch was released. */
  data: BatchData | undefined;
  /** Names of the source's streams, by their numbers. */
  readonly streams: readonly string[];
  readonly decode: DecodeText;
}

const entryWords = 8;
const high = 2 ** 32;
/** The largest upper half of a number that a double holds exactly. */
const highExact = 2 ** 21;

const encoder = new TextEncoder();
const encodedNames = new Map<string, Uint8Array>();
const encodedNamesMax = 1000;

/** Names of fields are few, and asked for again and again. */
function encodedName(name: string): Uint8Array {
  let bytes = encodedNames.get(name);
  if (!bytes) {
    if (encodedNames.size >= encodedNamesMax) encodedNames.clear();
    encodedNames.set(name, (bytes = encoder.encode(name)));
  }
  return bytes;
}

function numberText(low: number, upper: number): string {
  if (upper < highExact) return String(upper * high + low);
  return String(BigInt(upper) * BigInt(high) + BigInt(low));
}

/** The id in row `index` of a batch's table, as `ms-seq`.
 * @internal */
export function idOf(words: Uint32Array, index: number): string {
  const at = index * entryWords;
  return `${numberText(words[at]!, words[at + 1]!)}-${numberText(words[at + 2]!, words[at + 3]!)}`;
}

/** What consoles call in place of showing an object's insides: Node's, Deno's, Bun's and workerd's.
 * @internal */
export const inspect = Symbol.for('nodejs.util.inspect.custom');

/** @internal */
export function streamOf(words: Uint32Array, index: number): number {
  return words[index * entryWords + 4]!;
}

/**
 * One entry. What it hands out stays valid for ever; asking it throws a MillraceError `closed` once its batch was
 * released.
 */
export class Entry {
  /** @internal */
  readonly content: BatchContent;
  /** Position in the batch that the module handed over.
   * @internal */
  readonly index: number;

  /** @internal */
  constructor(content: BatchContent, index: number) {
    this.content = content;
    this.index = index;
  }

  #data(): BatchData {
    const data = this.content.data;
    if (!data) throw new MillraceError('closed', 'the batch of this entry was released');
    return data;
  }

  /** The entry's id, `ms-seq`. */
  get id(): string {
    return idOf(this.#data().words, this.index);
  }

  /** The name of the stream that it is in. */
  get stream(): string {
    return this.content.streams[streamOf(this.#data().words, this.index)] ?? '';
  }

  /** How often the server has delivered it to the group, this time included; 0 where there is no group. */
  get deliveries(): number {
    return this.#data().words[this.index * entryWords + 7]!;
  }

  /** How many fields it has; one name may come more than once. */
  get size(): number {
    return this.#data().words[this.index * entryWords + 6]!;
  }

  /** Where the slice of the first field of that name is in the tables, or -1. */
  #find(data: BatchData, name: string): number {
    const { words, bytes } = data;
    const wanted = encodedName(name);
    const row = this.index * entryWords;
    let slice = data.count * entryWords + words[row + 5]! * 2;
    const end = slice + words[row + 6]! * 4;
    for (; slice < end; slice += 4) {
      if (words[slice + 1] !== wanted.length) continue;
      const start = words[slice]!;
      let same = 0;
      while (same < wanted.length && bytes[start + same] === wanted[same]) ++same;
      if (same === wanted.length) return slice + 2;
    }
    return -1;
  }

  #text(data: BatchData, slice: number): string {
    const start = data.words[slice]!;
    return this.content.decode(data.bytes, start, start + data.words[slice + 1]!);
  }

  #copy(data: BatchData, slice: number): Uint8Array {
    const start = data.words[slice]!;
    return data.bytes.slice(start, start + data.words[slice + 1]!);
  }

  /**
   * The value of the first field of that name, as text; undefined where there is none. Bytes that are no UTF-8 become
   * U+FFFD: `bytes` has them as they are.
   */
  get(name: string): string | undefined {
    const data = this.#data();
    const slice = this.#find(data, name);
    return slice < 0 ? undefined : this.#text(data, slice);
  }

  /** The value of the first field of that name, as a copy of its bytes; undefined where there is none. */
  bytes(name: string): Uint8Array | undefined {
    const data = this.#data();
    const slice = this.#find(data, name);
    return slice < 0 ? undefined : this.#copy(data, slice);
  }

  /**
   * The value of the first field of that name, parsed as JSON; undefined where there is none. SyntaxError when it is no
   * JSON.
   */
  json<T = unknown>(name: string): T | undefined {
    const text = this.get(name);
    return text === undefined ? undefined : (JSON.parse(text) as T);
  }

  /** All fields as texts, in the server's order and with repeats: `Object.fromEntries(entry.fields)` where those don't
   * matter. Decoded anew each time. */
  get fields(): [name: string, value: string][] {
    return this.#all((data, slice) => this.#text(data, slice));
  }

  /** All fields as copies of their bytes, in the server's order and with repeats. */
  get byteFields(): [name: Uint8Array, value: Uint8Array][] {
    return this.#all((data, slice) => this.#copy(data, slice));
  }

  /** What JSON.stringify and consoles show. */
  toJSON(): { id: string; stream: string; deliveries: number; fields: [name: string, value: string][] } {
    const { id, stream, deliveries, fields } = this;
    return { id, stream, deliveries, fields };
  }

  /** @internal */
  [inspect](): unknown {
    return this.content.data ? this.toJSON() : '(released)';
  }

  #all<T>(take: (data: BatchData, slice: number) => T): [T, T][] {
    const data = this.#data();
    const row = this.index * entryWords;
    const first = data.count * entryWords + data.words[row + 5]! * 2;
    const all: [T, T][] = [];
    for (let i = 0; i < data.words[row + 6]!; ++i) {
      all.push([take(data, first + i * 4), take(data, first + i * 4 + 2)]);
    }
    return all;
  }
}
