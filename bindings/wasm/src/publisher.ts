// Publishing: entries go to the core at once while its queue has room. When it has none, that is told, or they wait here in
// their order, as the caller wants.
import { checkNames, errorOf, MillraceError } from './errors.js';
import { publish } from './host/commands.js';
import type { Sendable, SendableFields } from './host/commands.js';
import type { Loop } from './host/loop.js';
import type { PublishResult } from './host/records.js';

/** A value to publish: text (as UTF-8), bytes as they are, or a number as its decimal text. */
export type PublishValue = Sendable;
/** An entry to publish: an object, or pairs where names repeat or are no text. */
export type PublishFields = Readonly<Record<string, PublishValue>> | SendableFields;

/** What a publish does while publishQueueBytes wait to be sent. */
export interface PublishWait {
  /** True: it waits for room, behind those that wait already. Default false: it rejects with `would_block`, and nothing
   * of it was taken. */
  readonly wait?: boolean | undefined;
  /** Ends the wait for room; what is on its way stays so. */
  readonly signal?: AbortSignal | undefined;
}

interface Waiting {
  readonly publisher: number;
  readonly stream: string;
  readonly entries: readonly SendableFields[];
  resolve: (results: PublishResult[]) => void;
  reject: (error: unknown) => void;
}

/** Every publish of a client that has no answer.
 * @internal */
export class PublishQueue {
  readonly #loop: Loop;
  readonly #unanswered = new Map<number, Waiting>();
  #waiting: Waiting[] = [];

  constructor(loop: Loop) {
    this.#loop = loop;
  }

  add(
    publisher: number,
    stream: string,
    entries: readonly SendableFields[],
    { wait = false, signal }: PublishWait,
  ): Promise<PublishResult[]> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const item: Waiting = { publisher, stream, entries, resolve, reject };
      if (this.#waiting.length > 0 && !wait) {
        throw new MillraceError('would_block', 'publishes wait for room already; try again after one of them', true);
      }
      if (this.#waiting.length === 0 && this.#send(item, wait)) return;
      this.#waiting.push(item);
      if (!signal) return;
      const abort = (): void => {
        const at = this.#waiting.indexOf(item);
        if (at < 0) return; // it is on its way
        this.#waiting.splice(at, 1);
        reject(signal.reason as Error);
      };
      signal.addEventListener('abort', abort);
      // A signal may outlive many publishes.
      item.resolve = (results) => {
        signal.removeEventListener('abort', abort);
        resolve(results);
      };
      item.reject = (error) => {
        signal.removeEventListener('abort', abort);
        reject(error as Error);
      };
    });
  }

  /** False: the core's queue is full, and the item can wait. */
  #send(item: Waiting, wait: boolean, hasWaited = false): boolean {
    try {
      const ticket = publish(this.#loop, item.publisher, item.stream, item.entries, hasWaited);
      if (typeof ticket === 'number') {
        this.#unanswered.set(ticket, item);
      } else if (wait && ticket.code === 'would_block' && this.#unanswered.size > 0) {
        return false;
      } else {
        item.reject(ticket);
      }
    } catch (error) {
      item.reject(error);
    }
    return true;
  }

  answer(ticket: number, results: PublishResult[]): void {
    const item = this.#unanswered.get(ticket);
    if (!item) return;
    this.#unanswered.delete(ticket);
    item.resolve(results);
    if (this.#waiting.length > 0) queueMicrotask(() => this.#sendWaiting());
  }

  #sendWaiting(): void {
    let sent = 0;
    while (sent < this.#waiting.length && this.#send(this.#waiting[sent]!, true)) ++sent;
    this.#waiting.splice(0, sent);
  }

  /** A drain begins, and the core takes nothing later: what waits for room goes out with what is queued. */
  drain(): void {
    for (const item of this.#waiting.splice(0)) this.#send(item, false, true);
  }

  /** Nothing is answered any more. */
  end(error: MillraceError): void {
    for (const item of this.#waiting.splice(0)) item.reject(error);
    for (const item of this.#unanswered.values()) {
      item.reject(new MillraceError(error.code, `${error.message}; what was published may be there`, false, true));
    }
    this.#unanswered.clear();
  }
}

function isPairs(fields: readonly unknown[]): boolean {
  const first = fields[0];
  return Array.isArray(first) && (typeof first[0] === 'string' || first[0] instanceof Uint8Array);
}

function pairsOf(fields: PublishFields): SendableFields {
  if (Array.isArray(fields)) return fields as SendableFields;
  if (typeof fields !== 'object' || fields === null) {
    throw new MillraceError('bad_argument', 'an entry is neither an object nor pairs of names and values');
  }
  return Object.entries(fields);
}

/** Publishes with options of its own, which `client.publisher` takes. */
export class Publisher {
  readonly #queue: PublishQueue;
  readonly #index: number;

  /** @internal */
  constructor(queue: PublishQueue, index: number) {
    this.#queue = queue;
    this.#index = index;
  }

  /**
   * Publishes one entry; resolves with its id and flags once the server has written it. It waits for as long as no
   * server can be reached; a client that is closed rejects it.
   *
   * Rejects with a MillraceError: why it was not written, with `maybeWritten` where that is not known; `too_large` past
   * maxMessageBytes; `bad_argument` for a value that can't be sent, such as text with a lone surrogate; `would_block`
   * while publishQueueBytes wait to be sent, unless `wait` says to wait for room.
   */
  publish(stream: string, fields: PublishFields, options?: PublishWait): Promise<PublishResult>;
  /** Publishes many, pipelined; resolves with a result for each, in their order. An entry that was not written has an
   * `error` in its result. Rejects when nothing was taken. */
  publish(
    stream: string,
    entries: readonly PublishFields[],
    options?: PublishWait,
  ): Promise<PublishResult[]>;
  async publish(
    stream: string,
    given: PublishFields | readonly PublishFields[],
    options: PublishWait = {},
  ): Promise<PublishResult | PublishResult[]> {
    checkNames('publish', options, 'wait signal');
    if (Array.isArray(given) && !isPairs(given)) {
      if (given.length === 0) return [];
      const entries = (given as readonly PublishFields[]).map(pairsOf);
      return this.#queue.add(this.#index, stream, entries, options);
    }
    const [result] = await this.#queue.add(this.#index, stream, [pairsOf(given as PublishFields)], options);
    if (result!.error) throw errorOf(result!.error, result!.maybeWritten);
    return result!;
  }
}
