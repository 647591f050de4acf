// What a source tells of itself to whoever operates it.

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
