// How a run goes: which batches, or parts of them, are handled at once and in what order, and when it ends.
import type { Batch } from './batch.js';
import type { Entry } from './entry.js';
import { checkNames, MillraceError } from './errors.js';
import type { Health } from './health.js';
import type { Source, SourceOwner } from './source.js';

/** What a handler is told besides its batch. */
export interface RunContext {
  /** Aborted when the run is to end: by its own signal, or when its budget is nearly spent. */
  readonly signal: AbortSignal;
}

/** How a run goes. */
export interface RunOptions {
  /** How many batches (with `orderBy`: parts) are handled at once. Default 1. */
  readonly concurrency?: number;
  /**
   * Splits each batch into parts by this key. Parts with the same key are handled one after the other in their order,
   * others at once, up to `concurrency`. Entries that come again after a failure come out of order.
   */
  readonly orderBy?: (entry: Entry) => unknown;
  /** Ends the run: no new batch is begun, those in hand are finished. */
  readonly signal?: AbortSignal;
  /** Milliseconds after which the run must have ended. A tenth of it, at most 1 s, is kept for the end: what handlers
   * have not finished by then is given back to the group. */
  readonly budgetMs?: number;
  /** `empty`: ends once the group has nothing that could be delivered now. */
  readonly until?: 'empty';
}

/** How a run went. */
export interface RunResult {
  /** Why it ended. */
  readonly ended: 'empty' | 'budget' | 'aborted' | 'closed';
  /** Handlers that returned. */
  readonly handled: number;
  /** Handlers that threw. */
  readonly failed: number;
  /** Entries that were given to handlers. */
  readonly entries: number;
  /** Entries that stay pending with this consumer. */
  readonly held: number;
}

const closingPart = 0.1;
const closingMsMax = 1000;
/** Nothing may have come for so long before a group counts as empty: an answer may be under way. */
const quietMs = 250;
/** The same where the server can't tell how many entries are unread (before Redis 7). */
const quietUntoldMs = 500;
/** In Pub/Sub, where nothing else bounds them, so many parts wait at most. */
const waitingMax = 100;

interface Part {
  readonly key: unknown;
  readonly batch: Batch;
}

/** Parts that wait and parts that are handled: of one key at most one at a time. */
class Desk {
  readonly #concurrency: number;
  readonly #handle: (part: Part) => Promise<void>;
  #ready: Part[] = [];
  /** Parts behind the one of their key that is handled or ready. */
  readonly #behind = new Map<unknown, Part[]>();
  /** How many those are. */
  #behindCount = 0;
  readonly inHand = new Set<Part>();
  #wakers: (() => void)[] = [];

  constructor(concurrency: number, handle: (part: Part) => Promise<void>) {
    this.#concurrency = concurrency;
    this.#handle = handle;
  }

  /** Whether nothing is handled or waits. */
  get isIdle(): boolean {
    return this.inHand.size === 0 && this.#ready.length === 0;
  }

  /** How many have not begun. */
  get waiting(): number {
    return this.#ready.length + this.#behindCount;
  }

  get hasRoom(): boolean {
    return this.inHand.size + this.#ready.length < this.#concurrency;
  }

  add(part: Part, isOrdered: boolean): void {
    if (isOrdered) {
      const behind = this.#behind.get(part.key);
      if (behind) {
        behind.push(part);
        ++this.#behindCount;
        return;
      }
      this.#behind.set(part.key, []);
    }
    this.#ready.push(part);
    this.#begin();
  }

  #begin(): void {
    while (this.inHand.size < this.#concurrency && this.#ready.length > 0) {
      const part = this.#ready.shift()!;
      this.inHand.add(part);
      void this.#handle(part).then(() => this.#finish(part));
    }
  }

  #finish(part: Part): void {
    this.inHand.delete(part);
    const behind = this.#behind.get(part.key);
    const next = behind?.shift();
    if (next) {
      --this.#behindCount;
      this.#ready.push(next);
    } else {
      this.#behind.delete(part.key);
    }
    this.#begin();
    for (const wake of this.#wakers.splice(0)) wake();
  }

  /** Takes away what was not begun. */
  clear(): Part[] {
    const left = [...this.#ready, ...[...this.#behind.values()].flat()];
    this.#ready = [];
    this.#behind.clear();
    this.#behindCount = 0;
    return left;
  }

  /** Settles when a handler has ended. */
  change(): Promise<void> {
    return new Promise((resolve) => this.#wakers.push(resolve));
  }
}

/** Of errors in settling: the source may have ended, the entries may be another's by now, which events have told, or
 * nothing can be delivered again, as in Pub/Sub. */
const expected: ReadonlySet<string> = new Set(['lost', 'not_held', 'closed', 'unsupported']);

function settleQuietly(batch: Batch, settle: (batch: Batch) => void): void {
  if (batch.settled) return;
  try {
    settle(batch);
  } catch (error) {
    if (!(error instanceof MillraceError) || !expected.has(error.code)) throw error;
  }
}

function wordsOf(error: unknown): string {
  try {
    return error instanceof Error ? error.message : String(error);
  } catch {
    return 'what it threw has no text';
  }
}

function stackOf(error: unknown): { stack?: string } {
  try {
    const stack = error instanceof Error ? error.stack : undefined;
    return typeof stack === 'string' ? { stack } : {};
  } catch {
    return {};
  }
}

/** Throws `bad_argument`.
 * @internal */
export function checkOptions(handler: unknown, options: RunOptions): void {
  checkNames('run', options, 'concurrency orderBy signal budgetMs until');
  const { concurrency, budgetMs, until } = options;
  const refuse = (what: string): never => {
    throw new MillraceError('bad_argument', `run: ${what}`);
  };
  if (typeof handler !== 'function') refuse('there is no handler');
  if (concurrency !== undefined && !(Number.isInteger(concurrency) && concurrency > 0)) {
    refuse(`concurrency is ${concurrency}; allowed: a whole number from 1`);
  }
  if (budgetMs !== undefined && !(typeof budgetMs === 'number' && budgetMs > 0 && budgetMs <= 86_400_000)) {
    refuse(`budgetMs is ${budgetMs}; allowed: more than 0, to 86400000`);
  }
  if (until !== undefined && until !== 'empty') refuse(`until is '${String(until)}'; allowed: empty`);
}

class Run {
  readonly #source: Source;
  readonly #owner: SourceOwner;
  readonly #handler: (batch: Batch, context: RunContext) => unknown;
  readonly #options: RunOptions;
  readonly #stop = new AbortController();
  readonly #desk: Desk;
  #ended: RunResult['ended'] = 'closed';
  #handled = 0;
  #failed = 0;
  #entries = 0;
  #lastAt = 0;
  #failure: { readonly error: unknown } | undefined;

  constructor(
    source: Source,
    owner: SourceOwner,
    handler: (batch: Batch, context: RunContext) => unknown,
    options: RunOptions,
  ) {
    this.#source = source;
    this.#owner = owner;
    this.#handler = handler;
    this.#options = options;
    this.#desk = new Desk(options.concurrency ?? 1, (part) =>
      this.#handle(part.batch).catch((error: unknown) => this.#fail(error)),
    );
  }

  async go(): Promise<RunResult> {
    const { signal, budgetMs } = this.#options;
    const startedAt = performance.now();
    const abort = (): void => this.#end('aborted');
    const closingMs = budgetMs === undefined ? 0 : Math.min(closingMsMax, budgetMs * closingPart);
    const timer = budgetMs === undefined ? undefined : setTimeout(() => this.#end('budget'), budgetMs - closingMs);
    if (signal?.aborted) abort();
    signal?.addEventListener('abort', abort);
    try {
      await this.#read();
    } catch (error) {
      // A client that was closed is no failure of the run.
      const isClosed = error instanceof MillraceError && error.code === 'closed';
      if (!this.#stop.signal.aborted && !isClosed) this.#fail(error);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
    }
    const leftMs = budgetMs === undefined ? Infinity : startedAt + budgetMs - performance.now();
    await this.#finish(leftMs);
    const closeMs = budgetMs === undefined ? 5000 : Math.max(0, startedAt + budgetMs - performance.now());
    const held = await this.#source.close({ timeoutMs: closeMs });
    if (this.#failure) throw this.#failure.error;
    return { ended: this.#ended, handled: this.#handled, failed: this.#failed, entries: this.#entries, held };
  }

  #end(why: RunResult['ended']): void {
    if (this.#stop.signal.aborted) return;
    this.#ended = why;
    this.#stop.abort(new MillraceError('closed', `the run ends: ${why}`));
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#end('closed');
  }

  async #read(): Promise<void> {
    const { orderBy, until } = this.#options;
    const signal = this.#stop.signal;
    const timeoutMs = until === 'empty' ? quietMs / 5 : undefined;
    while (!signal.aborted) {
      const isFull = this.#source.delivery === 'pubsub' && this.#desk.waiting >= waitingMax;
      if (isFull || !this.#desk.hasRoom) {
        await this.#untilStopped(this.#desk.change());
        continue;
      }
      const batch = await this.#source.next({ signal, timeoutMs });
      if (batch) {
        this.#lastAt = performance.now();
        for (const [key, part] of this.#partsOf(batch)) this.#desk.add({ key, batch: part }, orderBy !== undefined);
      } else if (!this.#source.isOpen) {
        return;
      } else if (this.#desk.isIdle && (await this.#isEmpty())) {
        this.#end('empty');
      }
    }
  }

  #partsOf(batch: Batch): [key: unknown, part: Batch][] {
    const { orderBy } = this.#options;
    if (!orderBy) return [[undefined, batch]];
    try {
      return batch.partsBy(orderBy);
    } catch (error) {
      // It is in nobody's hands, and the run ends.
      settleQuietly(batch, (each) => each.giveBack());
      throw error;
    }
  }

  async #untilStopped(what: Promise<void>): Promise<void> {
    const signal = this.#stop.signal;
    let stop = (): void => undefined;
    const stopped = new Promise<void>((resolve) => (stop = () => resolve()));
    signal.addEventListener('abort', stop);
    await Promise.race([what, stopped]);
    signal.removeEventListener('abort', stop);
  }

  async #isEmpty(): Promise<boolean> {
    const ready = this.#source.isOpen && this.#source.readyAt;
    if (!ready || performance.now() - Math.max(this.#lastAt, ready) < quietMs) return false;
    if (this.#source.health().held > 0) return false;
    const looked = await this.#look();
    if (!looked || looked.held > 0) return false;
    if (looked.lag !== undefined) return looked.lag === 0;
    return performance.now() - Math.max(this.#lastAt, ready) >= quietUntoldMs;
  }

  async #look(): Promise<Health | undefined> {
    try {
      return await this.#source.look({ signal: this.#stop.signal, timeoutMs: quietMs });
    } catch (error) {
      if (this.#source.isOpen) throw error;
      return undefined; // it was closed meanwhile
    }
  }

  async #handle(batch: Batch): Promise<void> {
    const first = batch.at(0)!;
    const place = { stream: first.stream, first_id: first.id, entries: String(batch.length) };
    this.#entries += batch.length;
    try {
      await this.#handler(batch, { signal: this.#stop.signal });
    } catch (error) {
      ++this.#failed;
      const what = this.#afterFailure(batch);
      settleQuietly(batch, (each) => each.nack());
      const fields = { error: wordsOf(error), ...place, ...stackOf(error) };
      this.#owner.tell('log', { level: 'warn', message: `The handler failed; ${what}`, fields });
      return;
    }
    ++this.#handled;
    settleQuietly(batch, (each) => each.ack());
  }

  /** What becomes of a batch whose handler has failed. */
  #afterFailure(batch: Batch): string {
    if (this.#source.delivery === 'pubsub') return 'Pub/Sub does not deliver its batch again';
    return batch.settled ? 'its batch was settled before' : 'its batch will be delivered again';
  }

  /** Waits for what is in hand; what was not begun, or does not end in time, is the group's. */
  async #finish(leftMs: number): Promise<void> {
    const giveBack = (part: Part): void => settleQuietly(part.batch, (batch) => batch.giveBack());
    this.#desk.clear().forEach(giveBack);
    const enoughMs = leftMs - Math.min(closingMsMax, leftMs) / 2;
    let isLate = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const enough = new Promise<void>((resolve) => {
      const end = (): void => {
        isLate = true;
        resolve();
      };
      if (leftMs !== Infinity) timer = setTimeout(end, Math.max(0, enoughMs));
    });
    while (this.#desk.inHand.size > 0 && !isLate) await Promise.race([this.#desk.change(), enough]);
    // It may be hours off, and would keep the process alive.
    clearTimeout(timer);
    [...this.#desk.inHand].forEach(giveBack);
  }
}

/** Runs until it ends, and closes the source.
 * @internal */
export async function runHandler(
  source: Source,
  owner: SourceOwner,
  handler: (batch: Batch, context: RunContext) => unknown,
  options: RunOptions,
): Promise<RunResult> {
  return new Run(source, owner, handler, options).go();
}
