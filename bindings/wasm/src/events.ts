// What a client tells besides batches, as typed events. Names and members are those of the core's events, in camelCase;
// lengths of time are milliseconds, ids of entries are texts `ms-seq`.
import { MillraceError } from './errors.js';
import type { ErrorInfo } from './errors.js';

/** How a source is served: at least once from Streams, at most once from Pub/Sub, or as a tail. */
export type Delivery = 'streams' | 'pubsub' | 'tail';
/** What a delivery promises; `by_cursor`: the reader keeps its own place. */
export type Guarantee = 'at_least_once' | 'at_most_once' | 'by_cursor';
/** What a connection is for. */
export type LaneRole = 'read' | 'control' | 'publish' | 'push' | 'probe';
/** Text, or bytes where it is no UTF-8. */
export type Text = string | Uint8Array;

/** Where a tail is in a stream. */
export interface Cursor {
  readonly stream: string;
  /** Of the last entry that was read. */
  readonly id: string;
}

/** Every event, by its name. */
export interface ClientEvents {
  /**
   * A source reads: the group exists, or the subscription is confirmed. Said again when it is served in another way.
   */
  ready: {
    readonly source: number;
    readonly delivery: Delivery;
    readonly guarantee: Guarantee;
    /** Our name in the group; empty where there is none. */
    readonly consumer: string;
    /** Of RESP: 2 or 3. */
    readonly protocol: number;
    readonly serverVersion: string;
    /** Of a tail: where it begins in each stream. */
    readonly cursors: readonly Cursor[];
  };
  /** Entries are another consumer's by now, or gone; acks of them fail with `lost`. */
  lost: { readonly source: number; readonly stream: Text; readonly ids: readonly string[] };
  /** An entry whose canonical id was acked before: it was acked unseen. */
  duplicate: {
    readonly source: number;
    readonly stream: Text;
    readonly id: string;
    readonly canonicalId: Text;
  };
  /** The group had been lost and was made again behind `from`. What was not acked comes again. */
  groupRecreated: { readonly source: number; readonly stream: Text; readonly from: string };
  /** The server's kind changed, or was told for the first time. */
  modeChanged: { readonly delivery: Delivery; readonly guarantee: Guarantee; readonly serverVersion: string };
  /** A connection was lost, or could not be made. It is made again while `error.retryable`. Where nobody listens to it or
   * to `log`, the first loss is told on the console, and the next one once a connection was back. */
  disconnected: { readonly role: LaneRole; readonly reason: string; readonly error: ErrorInfo };
  /** A connection is back; `attempts` counts this one in. */
  reconnected: { readonly role: LaneRole; readonly attempts: number };
  /** Entries between `cursor` and `first` were trimmed before a tail could read them. `missed`: how many, where the
   * server tells. */
  gap: {
    readonly source: number;
    readonly stream: Text;
    readonly cursor: string;
    readonly first: string;
    readonly missed?: number;
  };
  /** A stream was made anew, with ids below a tail's cursor; it is read from its beginning. */
  reset: { readonly source: number; readonly stream: Text; readonly cursor: string; readonly last: string };
  /** A subscription stands again; what was published in between (ms) is lost. */
  interrupted: { readonly source: number; readonly stream: Text; readonly lasted: number };
  /** An entry past maxMessageBytes was met; it is handed over nowhere. */
  tooLarge: { readonly source: number; readonly stream: Text; readonly id?: string; readonly bytes: number };
  /** An entry is in its dead stream now, and acked. */
  deadLettered: {
    readonly source: number;
    readonly stream: Text;
    readonly id: string;
    readonly deadStream: Text;
    /** None where the server's answer was lost. */
    readonly deadId?: string;
    readonly deliveries: number;
    readonly error: Text;
  };
  /** A dead letter could not be written; it is tried again. */
  deadFailed: {
    readonly source: number;
    readonly stream: Text;
    readonly id: string;
    readonly deadStream: Text;
    readonly error: ErrorInfo;
  };
  /** Something failed. With `closed` and a source, that source reads no more; with neither source nor retry, nothing
   * goes on until the credentials are replaced. Without `closed` what can be done goes on; where nobody listens to it
   * or to `log`, that is told on the console. */
  failure: { readonly source?: number; readonly error: ErrorInfo; readonly closed: boolean };
  /** For the host's log; never a secret. Where nobody listens to it, warnings and errors go to the console. */
  log: {
    readonly level: 'debug' | 'info' | 'warn' | 'error';
    readonly message: string;
    /** `stack`: where a handler threw. */
    readonly fields: Readonly<Record<string, string>>;
  };
  /** A source has ended, or (without one) the client; `held` entries stay pending. */
  closed: { readonly source?: number; readonly held: number };
}

type Failure = ClientEvents['failure'];

/** A name of an event. */
export type ClientEventName = keyof ClientEvents;
/** The compiler holds it to be all of them, and no more. */
const eventNames: Readonly<Record<ClientEventName, 0>> = {
  ready: 0,
  lost: 0,
  duplicate: 0,
  groupRecreated: 0,
  modeChanged: 0,
  disconnected: 0,
  reconnected: 0,
  gap: 0,
  reset: 0,
  interrupted: 0,
  tooLarge: 0,
  deadLettered: 0,
  deadFailed: 0,
  failure: 0,
  log: 0,
  closed: 0,
};

/** A misspelt one would never be told. */
function checkName(name: unknown): void {
  if (Object.hasOwn(eventNames, name as string)) return;
  const known = Object.keys(eventNames).join(', ');
  throw new MillraceError('bad_argument', `there is no event '${String(name)}'; the events are ${known}`);
}

/** Is told events of one name. What it throws is reported like an uncaught error, and stops nothing. */
export type EventListener<Name extends ClientEventName> = (event: ClientEvents[Name]) => void;

/** Who listens to what. */
export class Listeners {
  readonly #listeners = new Map<string, Set<(event: never) => void>>();
  #isDown = false;

  /** Returns the function that ends it. */
  add<Name extends ClientEventName>(name: Name, listener: EventListener<Name>): () => void {
    checkName(name);
    let set = this.#listeners.get(name);
    if (!set) this.#listeners.set(name, (set = new Set()));
    set.add(listener);
    return () => void set.delete(listener);
  }

  remove<Name extends ClientEventName>(name: Name, listener: EventListener<Name>): void {
    checkName(name);
    this.#listeners.get(name)?.delete(listener);
  }

  tell(name: string, event: object): void {
    this.#warn(name, event);
    // Those that there are now: one that goes and comes again while it is told would be told for ever.
    for (const listener of [...(this.#listeners.get(name) ?? [])]) {
      try {
        (listener as (event: object) => void)(event);
      } catch (error) {
        // One listener must not keep the loop from others; the error comes to light all the same.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }

  /** A server that is not there, or a handler that fails, must not look like a stream without entries. */
  #warn(name: string, event: object): void {
    const wasDown = this.#isDown;
    if (name === 'disconnected') this.#isDown = true;
    if (name === 'reconnected' || name === 'ready') this.#isDown = false;
    if (this.#hears('log') || this.#hears(name)) return;
    if (name === 'log') {
      const { level, message, fields } = event as ClientEvents['log'];
      if (level !== 'warn' && level !== 'error') return;
      const { stack, ...rest } = fields;
      const said = [`millrace: ${message}`, ...Object.entries(rest).map(([key, value]) => `${key}=${value}`)].join(' ');
      console.warn(stack ? `${said}\n${stack}` : said);
    } else if ((name === 'disconnected' && !wasDown) || (name === 'failure' && !(event as Failure).closed)) {
      const { message, retryable } = (event as Failure).error;
      console.warn(`millrace: ${message}${retryable ? '; trying again' : ''}`);
    }
  }

  #hears(name: string): boolean {
    return (this.#listeners.get(name)?.size ?? 0) > 0;
  }
}

/** JSON.parse's reviver for the module's events: `{"b64":…}` are bytes. */
export function reviveBytes(_: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !('b64' in value) || typeof value.b64 !== 'string') return value;
  return Uint8Array.from(atob(value.b64), (each) => each.charCodeAt(0));
}
