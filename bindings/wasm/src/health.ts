// What a source tells of itself to whoever operates it.
import { passed } from './wait.js';
import type { WaitOptions } from './wait.js';

/** How a source is. Streams of one source are added up. */
export interface Health {
  /** The server was heard within healthDeadline, whatever the sockets say, and the source is open and reads. */
  readonly healthy: boolean;
  /** Why it is not healthy: one line for people, empty when it is. */
  readonly error: string;
  /** None before the server was known. */
  readonly mode?: 'streams' | 'pubsub' | 'tail';
  /** Empty for a tail, and in Pub/Sub. */
  readonly group: string;
  /** Our name in the group. */
  readonly consumer: string;
  /** Milliseconds since the server was last heard. */
  readonly sinceHeard: number;
  /** Entries read here and not settled. */
  readonly held: number;
  /** Milliseconds since the server told what follows; none before the first look, and where there is no group. */
  readonly sinceLooked?: number;
  /** Entries in the streams. */
  readonly streamLength?: number;
  /** Entries pending in the whole group. */
  readonly pending?: number;
  /** Entries that the group has not read yet. None up to Redis 6.2, and where the server has lost count. */
  readonly lag?: number;
  /** Milliseconds since the oldest pending entry was added, by its id. */
  readonly oldestPending?: number;
}

/** Asks the server, once it can be asked, and waits for its answer; what it did not tell in time is as it was told before.
 * @internal */
export async function toldHealth(
  ask: () => boolean,
  health: () => Health,
  { signal, timeoutMs = 5000 }: WaitOptions,
): Promise<Health> {
  signal?.throwIfAborted();
  const begunAt = performance.now();
  let askedAt: number | undefined;
  for (let waitMs = 5; ; waitMs = Math.min(waitMs * 2, 100)) {
    if (askedAt === undefined && ask()) askedAt = performance.now();
    const told = health();
    const now = performance.now();
    // A tail and a subscription have no figures to wait for.
    if (told.mode && told.mode !== 'streams') return told;
    const age = askedAt === undefined ? -1 : now - askedAt;
    if (told.sinceLooked !== undefined && told.sinceLooked <= age) return told;
    if (now - begunAt >= timeoutMs) return told;
    await passed(waitMs, signal);
    signal?.throwIfAborted();
  }
}
