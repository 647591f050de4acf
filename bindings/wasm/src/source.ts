// What a consumer and a tail have in common: batches that wait to be taken, whoever waits for one, and how it ends.
import { Batch, Lot } from './batch.js';
import type { Document } from './document.js';
import type { ClientEvents } from './events.js';
import { inspect } from './entry.js';
import { checkNames, lastError, MillraceError } from './errors.js';
import { settle } from './host/commands.js';
import type { Loop } from './host/loop.js';
import type { BatchData, DecodeText } from './host/records.js';
import { toldHealth } from './health.js';
import type { Health } from './health.js';
import { timerMs } from './wait.js';
import type { WaitOptions } from './wait.js';

/** What a source needs of its client.
 * @internal */
export interface SourceOwner {
  readonly loop: Loop;
  readonly decode: DecodeText;
  open(document: Document, source: Source): number;
  forget(id: number): void;
  tell<Name extends keyof ClientEvents>(name: Name, event: ClientEvents[Name]): void;
}

interface Waiter {
  resolve(batch: Batch | undefined): void;
  reject(error: unknown): void;
}

/** So many batches wait here at most where the core does not bound what is held: then reading pauses. */
const queueMax = 8;
const queueLow = 2;

/** A source of batches. Not made by hand: `client.consumer` and `client.tail` open one. */
export abstract class Source implements AsyncIterable<Batch>, AsyncDisposable {
  /** @internal */
  protected readonly owner: SourceOwner;
  /** @internal */
  protected id: number;
  /** @internal */
  protected readyEvent: ClientEvents['ready'] | undefined;
  /** When it began to read, in Unix milliseconds.
   * @internal */
  readyAt: number | undefined;
  #queue: Lot[] = [];
  #waiters: Waiter[] = [];
  #streams: string[] = [];
  readonly #unconfirmed = new Map<number, Lot>();
  readonly #readyWaiters: { resolve(event: ClientEvents['ready']): void; reject(error: unknown): void }[] = [];
  #isEnding = false;
  #isEnded = false;
  #failure: MillraceError | undefined;
  #endsWithClient = false;
  #held = 0;
  #endWaiters: (() => void)[] = [];
  #isPaused = false;
  #isFull = false;

  /** @internal */
  protected constructor(owner: SourceOwner, document: Document) {
    this.owner = owner;
    this.id = owner.open(document, this);
  }

  /** How it is served; none before it reads.
   * @internal */
  get delivery(): ClientEvents['ready']['delivery'] | undefined {
    return this.readyEvent?.delivery;
  }

  /** Whether batches may still come. */
  get isOpen(): boolean {
    return !this.#isEnding && !this.#isEnded && !this.#failure;
  }

  /**
   * The next batch; undefined when `timeoutMs` passed first, or the source was closed or drained. Rejects with a
   * MillraceError when the source ended because of it, and with the signal's reason.
   */
  async next(options: WaitOptions = {}): Promise<Batch | undefined> {
    checkNames('next', options, 'timeoutMs signal');
    const { signal, timeoutMs } = options;
    signal?.throwIfAborted();
    const batch = this.#take();
    if (batch) return batch;
    if (this.#failure) throw this.#failure;
    if (!this.isOpen) return undefined;
    return new Promise((resolve, reject) => {
      let timer: ReturnType<typeof setTimeout> | undefined;
      const end = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', abort);
        const at = this.#waiters.indexOf(waiter);
        if (at >= 0) this.#waiters.splice(at, 1);
      };
      const waiter: Waiter = {
        resolve: (given) => {
          end();
          resolve(given);
        },
        reject: (error) => {
          end();
          reject(error as Error);
        },
      };
      const abort = (): void => waiter.reject(signal?.reason);
      signal?.addEventListener('abort', abort);
      if (timeoutMs !== undefined) timer = setTimeout(() => waiter.resolve(undefined), timerMs(timeoutMs));
      this.#waiters.push(waiter);
    });
  }

  /** Batch after batch, until the source is closed or drained. Leaving the loop closes the source. Throws as `next`
   * rejects. */
  [Symbol.asyncIterator](): AsyncIterator<Batch, undefined> {
    return {
      next: async () => {
        const value = await this.next();
        return value ? { done: false, value } : { done: true, value: undefined };
      },
      return: async () => {
        await this.close();
        return { done: true, value: undefined };
      },
    };
  }

  /** Settles once it reads: the group exists, or the subscription is confirmed. Rejects with what ended it before. */
  ready(): Promise<ClientEvents['ready']> {
    if (this.readyEvent) return Promise.resolve(this.readyEvent);
    if (!this.isOpen) return Promise.reject(this.#failure ?? new MillraceError('closed', 'the source was closed'));
    return new Promise((resolve, reject) => this.#readyWaiters.push({ resolve, reject }));
  }

  /** Hands over nothing more until `resume`; what is held stays held. Throws `closed` once the source is. */
  pause(): void {
    this.#isPaused = true;
    this.#command('pause');
  }

  /** Goes on. Throws `closed` once the source is. */
  resume(): void {
    this.#isPaused = false;
    if (!this.#isFull) this.#command('resume');
    this.#serve();
  }

  /** How it is, as far as the server has told. Throws `closed` once the source is. */
  health(): Health {
    return this.owner.loop.call((module, handle, now) => {
      const json = module.health(handle, this.id, now);
      if (json === '') throw lastError(module);
      return JSON.parse(json) as Health;
    });
  }

  /** How it is, for the client's health; none while it is being closed.
   * @internal */
  healthOfClient(): Health | undefined {
    if (this.#failure) {
      const error = this.#failure.message;
      return { healthy: false, error, group: '', consumer: this.readyEvent?.consumer ?? '', sinceHeard: 0, held: 0 };
    }
    return this.#isEnding ? undefined : this.health();
  }

  /** How it is, after the server was asked for the group's figures; what it did not tell within `timeoutMs` (default
   * 5000) is as it was told before. */
  async look(options: WaitOptions = {}): Promise<Health> {
    checkNames('look', options, 'timeoutMs signal');
    return toldHealth(() => this.#askToLook(), () => this.health(), options);
  }

  /**
   * Ends it: batches that nobody took go back to the group, and acks that were asked for are answered first. Entries in
   * your hands stay pending, and can't be settled any more. Resolves with how many stay pending; after `timeoutMs`
   * (default 5000) it does not wait any longer. Further calls wait for the same end.
   */
  async close(options: { readonly timeoutMs?: number } = {}): Promise<number> {
    checkNames('close', options, 'timeoutMs');
    // What ended for want of credentials would go on once they are replaced.
    const hasFailed = this.#failure !== undefined && !this.#endsWithClient;
    if (hasFailed && !this.#isEnded) this.#forget();
    if (this.#isEnded || hasFailed) return this.#held;
    if (!this.#isEnding) {
      this.stop();
      this.#command('close');
    }
    let timer: ReturnType<typeof setTimeout> | undefined;
    await new Promise<void>((resolve) => {
      this.#endWaiters.push(resolve);
      timer = setTimeout(resolve, timerMs(options.timeoutMs ?? 5000));
    });
    clearTimeout(timer);
    return this.#isEnded ? this.#held : this.#heldNow();
  }

  /** As `close`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** What consoles show.
   * @internal */
  [inspect](): unknown {
    return { ...this.readyEvent, source: this.id, isOpen: this.isOpen };
  }

  // ---- what the client tells

  /** @internal */
  onBatch(data: BatchData): void {
    const lot = new Lot(this.owner.loop, data, this.#streams, this.owner.decode, this.#unconfirmed);
    if (this.#isEnding) {
      // Not now: while a turn's records are read the module must not be called.
      queueMicrotask(() => this.#giveBack([lot]));
      return;
    }
    this.received(lot);
    this.#queue.push(lot);
    this.#serve();
    // In a group what is held is bounded by prefetch; elsewhere the module forgets what it has handed over.
    if (this.#queue.length >= queueMax && !this.#isFull && this.readyEvent?.delivery !== 'streams') {
      this.#isFull = true;
      queueMicrotask(() => this.#isFull && this.isOpen && this.#command('pause'));
    }
  }

  /** @internal */
  onAcked(batch: number, indices: Uint32Array): void {
    this.#unconfirmed.get(batch)?.confirm(indices);
  }

  /** @internal */
  onStream(index: number, name: string): void {
    // Batches that are out keep the names that they came with.
    if (this.#streams[index] !== undefined) this.#streams = this.#streams.slice();
    this.#streams[index] = name;
  }

  /** @internal */
  onReady(event: ClientEvents['ready']): void {
    this.readyEvent = event;
    this.readyAt = performance.now();
    for (const waiter of this.#readyWaiters.splice(0)) waiter.resolve(event);
  }

  /** @internal */
  onLost(event: ClientEvents['lost']): void {
    if (this.#unconfirmed.size === 0) return;
    const ids = new Set(event.ids);
    for (const lot of [...this.#unconfirmed.values()]) lot.lose(event.stream, ids);
  }

  /** It reads no more. `withClient`: nothing does, until credentials are replaced.
   * @internal */
  onFailure(error: MillraceError, withClient = false): void {
    this.#failure ??= error;
    this.#endsWithClient = withClient;
    this.#end(error);
  }

  /** The credentials were replaced.
   * @internal */
  onRestart(): void {
    if (!this.#endsWithClient) return;
    this.#failure = undefined;
    this.#endsWithClient = false;
  }

  /** @internal */
  onClosed(event: { readonly held: number }): void {
    this.#isEnded = true;
    this.#endsWithClient = false;
    this.#held = event.held;
    this.owner.forget(this.id);
    this.#end(new MillraceError('closed', 'the source was closed'));
  }

  /** The client has drained, which tells of no source by itself.
   * @internal */
  onDrained(): void {
    this.onClosed({ held: this.#heldNow() });
  }

  /** Hands over nothing more, and gives back what nobody took.
   * @internal */
  stop(): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    this.#giveBack(this.#queue.splice(0));
    for (const waiter of this.#waiters.splice(0)) waiter.resolve(undefined);
  }

  // ---- for those that extend it

  /** A batch came.
   * @internal */
  protected received(_: Lot): void {}

  /** A batch is handed over.
   * @internal */
  protected handed(_: Lot): void {}

  /** Begins anew with more keys, as if it had been opened with them.
   * @internal */
  protected reopen(document: Document): void {
    const old = this.id;
    this.#giveBack(this.#queue.splice(0));
    this.readyEvent = undefined;
    this.readyAt = undefined;
    this.#streams = [];
    this.#command('close');
    this.owner.forget(old);
    this.id = this.owner.open(document, this);
  }

  #serve(): void {
    while (this.#waiters.length > 0) {
      const batch = this.#take();
      if (!batch) return;
      this.#waiters[0]!.resolve(batch);
    }
  }

  #take(): Batch | undefined {
    if (this.#isPaused) return undefined;
    const lot = this.#queue.shift();
    if (!lot) return undefined;
    if (this.#isFull && this.#queue.length <= queueLow) {
      this.#isFull = false;
      if (!this.#isPaused && this.isOpen) queueMicrotask(() => this.isOpen && this.#command('resume'));
    }
    this.handed(lot);
    return new Batch(lot);
  }

  /** Entries that are pending with us, as far as is known. */
  #heldNow(): number {
    try {
      return this.health().held;
    } catch {
      return this.#held; // it has ended in between
    }
  }

  #command(what: 'pause' | 'resume' | 'look' | 'close'): void {
    this.owner.loop.call((module, handle, now) => {
      const status = module[what](handle, this.id, now);
      this.owner.loop.turnSoon();
      if (status !== 0) throw lastError(module);
    });
  }

  /** It has ended by itself, and is shown until somebody closes it. */
  #forget(): void {
    this.#isEnded = true;
    this.owner.forget(this.id);
    try {
      this.#command('close');
    } catch {
      // The client has ended as well.
    }
  }

  /** False: it does not read yet, and can't be asked. */
  #askToLook(): boolean {
    try {
      this.#command('look');
      return true;
    } catch (error) {
      if (error instanceof MillraceError && error.code === 'would_block') return false;
      throw error;
    }
  }

  #giveBack(lots: Lot[]): void {
    for (const lot of lots) {
      try {
        settle(this.owner.loop, lot.id, undefined, { kind: 'giveBack' });
      } catch {
        // The client is closed: its drain has given back what was left.
      }
    }
  }

  #end(error: MillraceError): void {
    for (const waiter of this.#waiters.splice(0)) {
      if (this.#failure) waiter.reject(this.#failure);
      else waiter.resolve(undefined);
    }
    for (const waiter of this.#readyWaiters.splice(0)) waiter.reject(error);
    if (this.#endsWithClient) return;
    for (const lot of [...this.#unconfirmed.values()]) lot.finish(error);
    for (const waiter of this.#endWaiters.splice(0)) waiter();
  }
}
