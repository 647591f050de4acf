// One client of one deployment: its sources, its publishes, its requests, and how it ends.
import { Consumer } from './consumer.js';
import { documentOf, inOptions, jsonOf, keyOf, optionIn } from './document.js';
import type { Document } from './document.js';
import { askForCodes, checkNames, errorOf, lastError, MillraceError } from './errors.js';
import type { ErrorInfo } from './errors.js';
import { Listeners } from './events.js';
import type { ClientEventName, ClientEvents, EventListener, Text } from './events.js';
import type { Health } from './health.js';
import type { Host } from './host/host.js';
import { Loop, monotonicNow, wallNow } from './host/loop.js';
import type { LoopListener } from './host/loop.js';
import type { BatchData, PublishResult } from './host/records.js';
import type { MillraceModule } from './module.js';
import type { PublishOptions, SourceOptions } from './options.js';
import { Publisher, PublishQueue } from './publisher.js';
import type { PublishFields, PublishWait } from './publisher.js';
import { Requests } from './requests.js';
import type { Source, SourceOwner } from './source.js';
import { Tail } from './tail.js';
import { timerMs } from './wait.js';
import type { Transport } from './transports/transport.js';

/** How the client is: healthy when every source is. */
export interface ClientHealth {
  readonly healthy: boolean;
  /** Of each source that is open, or was ended by an error, in the order of their opening. */
  readonly sources: readonly Health[];
}

/** Whose names metrics have. */
export type MetricNames = 'millrace' | 'redis_streams' | 'deltaforge';

/** What a client is made of.
 * @internal */
export interface ClientParts {
  readonly module: MillraceModule;
  readonly host: Host;
  readonly transport: Transport;
  readonly url: string;
  readonly document: Document;
}

/** Why the module refused a document. */
function refusal(module: MillraceModule, document: Document): MillraceError {
  return lastError(module, (message) => inOptions(message, document));
}

/**
 * One client of one deployment, which `connect` makes. It opens connections when the first consumer, tail or publish
 * needs them, makes them again for ever when they are lost, and keeps the process alive until it is closed.
 */
export class Client implements AsyncDisposable {
  readonly #loop: Loop;
  readonly #owner: SourceOwner;
  readonly #listeners = new Listeners();
  readonly #sources = new Map<number, Source>();
  readonly #publishes: PublishQueue;
  readonly #publishers = new Map<string, Publisher>();
  readonly #requests: Requests;
  readonly #isGiven: (option: string) => boolean;
  #isDraining = false;
  #end: MillraceError | undefined;
  #drained: Promise<number> | undefined;
  #onDrained: ((held: number) => void) | undefined;

  /** @internal */
  constructor({ module, host, transport, url, document }: ClientParts) {
    askForCodes(module);
    const seed = host.seed();
    const defaults = JSON.stringify(host.defaults());
    const handle = module.create(
      url,
      jsonOf(document),
      defaults,
      seed[0]!,
      seed[1]!,
      seed[2]!,
      seed[3]!,
      monotonicNow(),
      wallNow(),
    );
    if (handle === 0) throw refusal(module, document);
    this.#loop = new Loop(
      module,
      handle,
      { transport, decode: host.decode, defer: host.deferring() },
      this.#listener(),
    );
    this.#publishes = new PublishQueue(this.#loop);
    this.#requests = new Requests(this.#loop);
    this.#isGiven = (option) =>
      optionIn(document, option) !== undefined || new RegExp(`[?&]${keyOf(option)}=`).test(url);
    this.#owner = {
      loop: this.#loop,
      decode: host.decode,
      open: (document, source) => this.#open(document, source),
      forget: (id) => void this.#sources.delete(id),
      tell: (name, event) => this.#listeners.tell(name, event),
    };
  }

  // ---- reading

  /**
   * Begins to consume the streams of a group. Options that are left out are as in `connect`.
   *
   * Throws a MillraceError: `bad_config` names the key, the value and what is allowed; `closed` after the client was
   * closed or drained. What the server refuses later is thrown by the iteration.
   */
  consumer(options: SourceOptions = {}): Consumer {
    return new Consumer(this.#owner, documentOf(options), this.#isGiven);
  }

  /** Begins to read every entry of its streams, without a group: from `from`, or on from saved `cursors`. Throws as
   * `consumer` does. */
  tail(options: Omit<SourceOptions, 'group' | 'consumer' | 'pattern'> = {}): Tail {
    return new Tail(this.#owner, { ...documentOf(options), group: '' });
  }

  // ---- publishing

  /** Publishes with the client's options, or those given here. Resolves and rejects as `Publisher.publish` does. */
  publish(
    stream: string,
    fields: PublishFields,
    options?: PublishOptions & PublishWait,
  ): Promise<PublishResult>;
  /** Publishes many, pipelined: a result for each, in their order, with an `error` where one was not written. */
  publish(
    stream: string,
    entries: readonly PublishFields[],
    options?: PublishOptions & PublishWait,
  ): Promise<PublishResult[]>;
  async publish(
    stream: string,
    given: PublishFields | readonly PublishFields[],
    options: PublishOptions & PublishWait = {},
  ): Promise<PublishResult | PublishResult[]> {
    const { wait, signal, ...keys } = options;
    return this.publisher(keys).publish(stream, given as PublishFields, { wait, signal });
  }

  /** Publishes with options of its own over the client's. Throws `bad_config`, which names what is wrong or does not go
   * together. */
  publisher(options: PublishOptions = {}): Publisher {
    const document = documentOf(options);
    const json = jsonOf(document);
    const key = json === '{}' ? '' : json;
    let publisher = this.#publishers.get(key);
    if (!publisher) {
      const index = this.#call((module, handle) => {
        const made = module.publisher(handle, key);
        if (made < 0) throw refusal(module, document);
        return made;
      });
      this.#publishers.set(key, (publisher = new Publisher(this.#publishes, index)));
    }
    return publisher;
  }

  // ---- dead letters and groups

  /** Lists dead letters of a stream, the oldest first: at most `count` (1 to 1000, default 100) behind the one with the
   * id `after`. Rejects with what the server refused. */
  async dead(
    stream: string,
    options: { readonly after?: string; readonly count?: number } = {},
  ): Promise<DeadLetter[]> {
    checkNames('dead', options, 'after count');
    return this.#requests.dead(stream, options.after ?? '', options.count ?? 100);
  }

  /** Puts dead letters, one or more ids of the dead stream, back at the end of their stream; only the group that gave them
   * up is handed them again. Resolves with a result for each, in their order. */
  async redrive(stream: string, deadIds: string | Iterable<string>): Promise<RedriveResult[]> {
    return this.#requests.redrive(stream, typeof deadIds === 'string' ? [deadIds] : [...deadIds]);
  }

  /** Creates a group, with its stream where that is missing. `at`: `0` (default), `$` or the id behind which it reads;
   * `since`: in place of it, a time. Resolves with false when it was there already. */
  async createGroup(stream: string, group: string, options: GroupStart = {}): Promise<boolean> {
    return this.#requests.changeGroup('create', stream, group, options);
  }

  /** Moves a group back for a replay, or on. What is pending stays so. */
  async moveGroup(stream: string, group: string, options: GroupStart): Promise<boolean> {
    return this.#requests.changeGroup('move', stream, group, options);
  }

  /** Destroys a group with all that is pending in it. Resolves with false when there was none. */
  async destroyGroup(stream: string, group: string): Promise<boolean> {
    return this.#requests.changeGroup('destroy', stream, group, {});
  }

  // ---- what an operator sees

  /** How every source is, as far as the server has told; `consumer.look()` asks it. Throws `closed`. */
  health(): ClientHealth {
    this.#call(() => undefined);
    const sources = [...this.#sources.values()].flatMap((source) => source.healthOfClient() ?? []);
    return { healthy: sources.every((source) => source.healthy), sources };
  }

  /** All metrics as Prometheus text, version 0.0.4. Throws `closed`. */
  metrics(names: MetricNames = 'millrace'): string {
    return this.#call((module, handle, now) => {
      const text = module.metrics(handle, names, now);
      if (text === '') throw lastError(module);
      return text;
    });
  }

  /** Calls `listener` with each event of that name; the function that it returns ends that. Throws `bad_argument`. */
  on<Name extends ClientEventName>(name: Name, listener: EventListener<Name>): () => void {
    if (typeof listener !== 'function') {
      throw new MillraceError('bad_argument', `on: the listener of '${name}' is no function`);
    }
    return this.#listeners.add(name, listener);
  }

  /** Ends what `on` began. */
  off<Name extends ClientEventName>(name: Name, listener: EventListener<Name>): void {
    this.#listeners.remove(name, listener);
  }

  /** What the next connection authenticates with. After the server refused the old credentials, which ended iterations
   * with `auth`, everything goes on: iterate again. Throws `closed` once a drain has begun. */
  replaceCredentials(credentials: { readonly username?: string; readonly password: string }): void {
    this.#call((module, handle, now) => {
      const { username = '', password } = credentials;
      if (module.replaceCredentials(handle, username, password, now) !== 0) throw lastError(module);
    });
    this.#loop.turnSoon();
    for (const source of this.#sources.values()) source.onRestart();
  }

  // ---- the end

  /**
   * Ends everything in order: nothing more is handed over, what nobody took goes back to the group, queued publishes go
   * out, and batches in your hands may be settled until all are, or `timeoutMs` (default 5000) has passed. Resolves
   * with how many entries stay pending with this client's consumers. Then call `close`.
   */
  async drain(options: { readonly timeoutMs?: number } = {}): Promise<number> {
    checkNames('drain', options, 'timeoutMs');
    return this.#drain(options.timeoutMs ?? 5000, true);
  }

  /**
   * Drains without waiting for what you hold, waits at most `timeoutMs` (default 5000) for the server's answers, and
   * closes the connections. Resolves with how many entries stay pending. Everything after it fails with `closed`;
   * calling it again does nothing.
   */
  async close(options: { readonly timeoutMs?: number } = {}): Promise<number> {
    if (this.#end) return 0;
    checkNames('close', options, 'timeoutMs');
    const { timeoutMs = 5000 } = options;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<number>((resolve) => (timer = setTimeout(() => resolve(0), timerMs(timeoutMs + 500))));
    const held = await Promise.race([this.#drain(timeoutMs, false), late]).finally(() => clearTimeout(timer));
    this.#shut(new MillraceError('closed', 'the client is closed'));
    return held;
  }

  /** As `close`: `await using client = await connect(…)`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #drain(timeoutMs: number, awaitsAcks: boolean): Promise<number> {
    this.#isDraining = true;
    for (const source of [...this.#sources.values()]) source.stop();
    this.#drained ??= new Promise((resolve) => (this.#onDrained = resolve));
    const timeoutUs = Math.round(timerMs(timeoutMs) * 1000);
    this.#publishes.drain();
    this.#call((module, handle, now) => module.drain(handle, timeoutUs, awaitsAcks, now));
    this.#loop.turnSoon();
    return this.#drained;
  }

  #shut(error: MillraceError): void {
    if (this.#end) return;
    this.#end = error;
    this.#loop.destroy();
    for (const source of [...this.#sources.values()]) source.onFailure(error);
    this.#sources.clear();
    this.#publishes.end(error);
    this.#requests.end(error);
    this.#onDrained?.(0);
  }

  #call<T>(use: (module: MillraceModule, handle: number, now: number) => T): T {
    if (this.#end) throw this.#end;
    return this.#loop.call(use);
  }

  #open(document: Document, source: Source): number {
    if (this.#isDraining) throw this.#end ?? new MillraceError('closed', 'the client drains: nothing is opened');
    return this.#call((module, handle, now) => {
      const id = module.open(handle, jsonOf(document), now);
      if (id === 0) throw refusal(module, document);
      this.#sources.set(id, source);
      this.#loop.turnSoon();
      return id;
    });
  }

  // ---- what the loop tells

  #listener(): LoopListener {
    return {
      batch: (data: BatchData) => this.#sources.get(data.source)?.onBatch(data),
      acked: (source, batch, indices) => this.#sources.get(source)?.onAcked(batch, indices),
      published: (ticket, results) => this.#publishes.answer(ticket, results),
      stream: (source, index, name) => this.#sources.get(source)?.onStream(index, name),
      event: (event) => this.#event(event),
      broken: (error) => this.#shut(error),
    };
  }

  #event(event: { readonly type: string }): void {
    if (this.#requests.answer(event)) return;
    const { type, ...members } = event;
    this.#react(type, members);
    this.#listeners.tell(type, members);
  }

  #react(type: string, members: unknown): void {
    const sourceOf = ({ source }: { source?: number }): Source | undefined =>
      source === undefined ? undefined : this.#sources.get(source);
    switch (type as ClientEventName) {
      case 'ready': {
        const event = members as ClientEvents['ready'];
        sourceOf(event)?.onReady(event);
        break;
      }
      case 'lost': {
        const event = members as ClientEvents['lost'];
        sourceOf(event)?.onLost(event);
        break;
      }
      case 'failure': {
        const event = members as ClientEvents['failure'];
        if (!event.closed) break;
        const error = errorOf(event.error);
        if (event.source !== undefined) sourceOf(event)?.onFailure(error);
        else for (const source of [...this.#sources.values()]) source.onFailure(error, true);
        break;
      }
      case 'closed': {
        const event = members as ClientEvents['closed'];
        if (event.source !== undefined) {
          sourceOf(event)?.onClosed(event);
        } else {
          for (const source of [...this.#sources.values()]) source.onDrained();
          this.#onDrained?.(event.held);
        }
      }
    }
  }
}

/** Where a group begins to read. */
export interface GroupStart {
  /** `0`, `$`, or the entry id behind which it reads on. */
  readonly at?: string;
  /** In place of `at`: entries added from this time on, by their ids. */
  readonly since?: Date;
}

/** A dead letter as a list shows it. What is missing is not known: somebody else put it there. */
export interface DeadLetter {
  readonly deadId: string;
  /** Of the entry, when it was alive. */
  readonly id?: string;
  readonly stream?: Text;
  readonly group?: Text;
  readonly consumer?: Text;
  readonly deliveries?: number;
  /** Why it was given up. */
  readonly error?: Text;
  /** The entry's own. */
  readonly fields: readonly (readonly [name: Text, value: Text])[];
  /** Past 64 KiB fields are left out. */
  readonly isCut: boolean;
}

/** What became of a dead letter that was to be put back. */
export interface RedriveResult {
  readonly deadId: string;
  /** The new one; none on an error, and where the answer was lost that told it. */
  readonly id?: string;
  readonly error?: ErrorInfo;
  readonly maybeDuplicate: boolean;
}
