// A batch in the application's hands, or a part of one: its entries, and which of them are settled. The bytes are the
// garbage collector's; what is settled is the core's to know, and here only kept so that nothing is asked twice.
import { Entry, idOf, inspect, streamOf } from './entry.js';
import type { BatchContent } from './entry.js';
import { checkNames, MillraceError } from './errors.js';
import { settle } from './host/commands.js';
import type { Settling } from './host/commands.js';
import type { Loop } from './host/loop.js';
import type { BatchData } from './host/records.js';

/** Why a batch was handed over: it was full, its first entry had waited for flushInterval, or it was recovered. */
export type BatchReason = 'size' | 'flush' | 'recovery';
const reasons: readonly BatchReason[] = ['size', 'flush', 'recovery'];

/** Which entries of a batch a command means: entries, or their ids. */
export type Which = Entry | string | Iterable<Entry | string>;

const open = 0;
const settled = 1;
const acking = 2;

/** What the parts of one batch share.
 * @internal */
export class Lot implements BatchContent {
  readonly loop: Loop;
  readonly id: number;
  readonly count: number;
  readonly reason: BatchReason;
  readonly streams: readonly string[];
  readonly decode: BatchContent['decode'];
  data: BatchData | undefined;
  /** Kept after the release, for ids. */
  words: Uint32Array;
  /** Of each entry; none while all are open. */
  state: Uint8Array | undefined;
  settledCount = 0;
  /** Acks that the server has not answered. */
  unconfirmed = 0;
  failure: MillraceError | undefined;
  waiters: (() => void)[] = [];
  /** Where lots wait for answers to their acks. */
  readonly waiting: Map<number, Lot>;

  constructor(
    loop: Loop,
    data: BatchData,
    streams: readonly string[],
    decode: BatchContent['decode'],
    waiting: Map<number, Lot>,
  ) {
    this.loop = loop;
    this.id = data.batch;
    this.count = data.count;
    this.reason = reasons[data.reason] ?? 'size';
    this.streams = streams;
    this.decode = decode;
    this.data = data;
    this.words = data.words;
    this.waiting = waiting;
  }

  isOpen(index: number): boolean {
    return this.state === undefined || this.state[index] === open;
  }

  mark(indices: Uint32Array | undefined, as: number): void {
    const state = (this.state ??= new Uint8Array(this.count));
    if (!indices) {
      this.settledCount = this.count;
      state.fill(as);
      if (as === acking) this.unconfirmed = this.count;
    } else {
      for (const index of indices) {
        if (state[index] !== open) continue;
        state[index] = as;
        ++this.settledCount;
        if (as === acking) ++this.unconfirmed;
      }
    }
    if (this.unconfirmed > 0) this.waiting.set(this.id, this);
  }

  /** The tables share a buffer with the bytes, which is to go. */
  release(): void {
    if (!this.data) return;
    this.data = undefined;
    this.words = this.words.slice();
  }

  /** The server has executed acks of these. */
  confirm(indices: Uint32Array): void {
    for (const index of indices) {
      if (this.state?.[index] !== acking) continue;
      this.state[index] = settled;
      --this.unconfirmed;
    }
    if (this.unconfirmed === 0) this.finish();
  }

  /** Another consumer has these. */
  lose(stream: unknown, ids: ReadonlySet<string>): void {
    for (let index = 0; index < this.count; ++index) {
      if (this.state?.[index] !== acking || this.streams[streamOf(this.words, index)] !== stream) continue;
      const id = idOf(this.words, index);
      if (!ids.has(id)) continue;
      this.state[index] = settled;
      --this.unconfirmed;
      this.failure ??= new MillraceError('lost', `entry ${id} of '${String(stream)}' was lost before its ack`);
    }
    if (this.unconfirmed === 0) this.finish();
  }

  finish(failure?: MillraceError): void {
    this.failure ??= failure;
    this.unconfirmed = 0; // no answer comes any more
    this.waiting.delete(this.id);
    for (const waiter of this.waiters.splice(0)) waiter();
  }
}

/**
 * Entries to work on, in the stream's order: a whole batch, or with `orderBy` the part of it that has one key. Entries
 * that nobody acks stay pending with this consumer.
 */
export class Batch implements Iterable<Entry> {
  readonly #lot: Lot;
  /** Positions in the whole batch; none: all of it. */
  readonly #part: Uint32Array | undefined;
  #entries: readonly Entry[] | undefined;
  /** All that was left was settled. */
  #isDone = false;

  /** @internal */
  constructor(lot: Lot, part?: Uint32Array) {
    this.#lot = lot;
    this.#part = part;
  }

  /** How many entries it has. */
  get length(): number {
    return this.#part ? this.#part.length : this.#lot.count;
  }

  /** Why it was handed over. */
  get reason(): BatchReason {
    return this.#lot.reason;
  }

  /** Its entries. */
  get entries(): readonly Entry[] {
    if (!this.#entries) {
      const entries = new Array<Entry>(this.length);
      for (let i = 0; i < entries.length; ++i) entries[i] = new Entry(this.#lot, this.#part ? this.#part[i]! : i);
      this.#entries = entries;
    }
    return this.#entries;
  }

  /** The entry at that position; from the end where it is negative. */
  at(index: number): Entry | undefined {
    return this.entries.at(index);
  }

  [Symbol.iterator](): IterableIterator<Entry> {
    return this.entries[Symbol.iterator]();
  }

  /** What JSON.stringify and consoles show. */
  toJSON(): { reason: BatchReason; entries: readonly Entry[] } {
    return { reason: this.reason, entries: this.entries };
  }

  /** @internal */
  [inspect](): unknown {
    return this.toJSON();
  }

  /** Whether every entry was acked, nacked, rejected or given back. */
  get settled(): boolean {
    return this.#lot.settledCount === this.#lot.count || this.#open()?.length === 0;
  }

  /**
   * Acks entries, or all that are not settled. It is on its way when the code that runs now has ended; `confirmed`
   * tells when the server has done it.
   *
   * Throws a MillraceError: `not_held` or `lost` when an entry is not held here (any more), and then nothing was acked
   * of the entries that were named; of a whole batch the rest was. Where each entry was settled by itself nothing is
   * left, and that is no error; a second `ack()` of all is `not_held`. `closed` after the client was closed.
   */
  ack(which?: Which): void {
    this.#settle(which, { kind: 'ack' });
  }

  /**
   * Keeps entries, or all that are not settled, pending, and has them delivered here again after `delayMs` milliseconds
   * (default: the option nackDelay). Throws as `ack` does; `unsupported` of a tail.
   */
  nack(which?: Which, options: { readonly delayMs?: number } = {}): void {
    checkNames('nack', options, 'delayMs');
    const { delayMs } = options;
    if (delayMs !== undefined && !(delayMs >= 0 && delayMs <= 86_400_000)) {
      throw new MillraceError('bad_argument', `nack: delayMs is ${delayMs}; allowed: 0 to 86400000`);
    }
    this.#settle(which, { kind: 'nack', delayUs: delayMs === undefined ? -1 : Math.round(delayMs * 1000) });
  }

  /**
   * Gives entries up, or all that are not settled: each goes to its dead stream with `error` (at most 4 KiB of it), and
   * is acked then. Throws as `ack` does; `queue_full` while too many wait to be written: they stay held.
   */
  reject(error: string | Error, which?: Which): void {
    this.#settle(which, { kind: 'reject', error: typeof error === 'string' ? error : error.message });
  }

  /** Leaves entries, or all that are not settled, to the group: whichever consumer sweeps it next may take them. Throws
   * as `ack` does. */
  giveBack(which?: Which): void {
    this.#settle(which, { kind: 'giveBack' });
  }

  /**
   * Settles once the server has executed every ack of this batch that was asked for. Rejects with `lost` when an entry
   * was another's by then, and with `closed` when the consumer ended before an answer.
   */
  async confirmed(): Promise<void> {
    if (this.#lot.unconfirmed > 0) await new Promise<void>((resolve) => this.#lot.waiters.push(resolve));
    if (this.#lot.failure) throw this.#lot.failure;
  }

  /** Frees the bytes now. Its entries can't be asked any more, and can be settled as before. */
  release(): void {
    this.#lot.release();
  }

  /** The entries that are not settled; undefined: all of a whole batch. */
  #open(): Uint32Array | undefined {
    const lot = this.#lot;
    if (!lot.state) return this.#part;
    if (this.#part) return this.#part.filter((index) => lot.isOpen(index));
    if (lot.settledCount === 0) return undefined;
    const rest = new Uint32Array(lot.count - lot.settledCount);
    for (let index = 0, i = 0; index < lot.count; ++index) if (lot.isOpen(index)) rest[i++] = index;
    return rest;
  }

  #settle(which: Which | undefined, how: Settling): void {
    const lot = this.#lot;
    const as = how.kind === 'ack' ? acking : settled;
    const indices = which === undefined ? this.#open() : this.#positions(which);
    const isAgain = this.#isDone;
    this.#isDone ||= which === undefined;
    if (indices?.length === 0) {
      if (which !== undefined || !isAgain) return;
      throw new MillraceError('not_held', 'every entry of the batch is settled already');
    }
    const isGone = (error: MillraceError): boolean => error.code === 'lost' || error.code === 'not_held';
    const error = settle(lot.loop, lot.id, indices, how);
    if (!error) lot.mark(indices, as);
    if (error && which === undefined && isGone(error)) {
      // Refused as a whole because of some: each by itself.
      for (const index of indices ?? new Uint32Array(lot.count).map((_, i) => i)) {
        const one = Uint32Array.of(index);
        const refused = settle(lot.loop, lot.id, one, how);
        // What is refused for another reason, such as a full queue, is still held.
        if (!refused || isGone(refused)) lot.mark(one, refused ? settled : as);
      }
    }
    if (error) throw error;
  }

  #positions(which: Which): Uint32Array {
    const wanted = typeof which === 'string' || which instanceof Entry ? [which] : which;
    const positions: number[] = [];
    let byId: Map<string, number> | undefined;
    for (const each of wanted) {
      if (each instanceof Entry) {
        if (each.content !== this.#lot) throw new MillraceError('bad_argument', 'an entry is of another batch');
        positions.push(each.index);
        continue;
      }
      byId ??= this.#byId();
      const position = byId.get(each);
      if (position === undefined) throw new MillraceError('bad_argument', `no entry of the batch has the id '${each}'`);
      if (position < 0) {
        throw new MillraceError('bad_argument', `entries of several streams have the id '${each}'; name the entry`);
      }
      positions.push(position);
    }
    return Uint32Array.from(new Set(positions));
  }

  /** Positions by ids; -1 where two have the same. */
  #byId(): Map<string, number> {
    const byId = new Map<string, number>();
    for (let i = 0; i < this.length; ++i) {
      const index = this.#part ? this.#part[i]! : i;
      const id = idOf(this.#lot.words, index);
      byId.set(id, byId.has(id) ? -1 : index);
    }
    return byId;
  }

  /** Parts of it by a key of each entry, in the order of their first entries.
   * @internal */
  partsBy(keyOf: (entry: Entry) => unknown): [key: unknown, part: Batch][] {
    const parts = new Map<unknown, number[]>();
    for (const entry of this.entries) {
      const key = keyOf(entry);
      const part = parts.get(key);
      if (part) part.push(entry.index);
      else parts.set(key, [entry.index]);
    }
    return [...parts].map(([key, part]) => [key, new Batch(this.#lot, Uint32Array.from(part))]);
  }
}
