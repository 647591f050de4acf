// Printed from the table of configuration keys by millrace-docs. Change core/src/config, then:
// cmake --build <build directory> --target update-docs

/** A length of time: whole milliseconds, or a text such as `500ms`, `5s` or `1h30m`. */
export type Duration = number | string;
/** A size: bytes, or a text such as `16MiB`. */
export type ByteSize = number | string;

/** TLS of a client. Files are PEM; hosts with files of their own take paths or PEM itself. */
export interface TlsOptions {
  /** Speak TLS. On by itself with rediss:// or any other tls key. Default: false. Allowed: true, false. */
  readonly enabled?: boolean | undefined;
  /** The authorities that may sign the server's certificate. Default: the system's. Allowed: a path. */
  readonly ca?: string | undefined;
  /** The client's certificate; tls.key goes with it. Default: none. Allowed: a path. */
  readonly cert?: string | undefined;
  /** The key of the client's certificate. Default: none. Allowed: a path. */
  readonly key?: string | undefined;
  /** The name that the server's certificate must have. Default: the host. Allowed: any text. */
  readonly serverName?: string | undefined;
  /**
   * Verify the server's certificate. Without it anybody in between can read and change everything. Default: true.
   * Allowed: true, false.
   */
  readonly verify?: boolean | undefined;
}

/** What a client connects to, and how. */
export interface ClientKeys {
  /**
   * The server. Default: localhost:6379. Allowed: a name or address, with or without `:port`; IPv6 with a port in
   * brackets.
   */
  readonly host?: string | undefined;
  /** The number of the database, by SELECT. Default: 0. Allowed: 0 to 2147483647. */
  readonly database?: number | undefined;
  /**
   * The password. The first of authToken, redisSecret, password and the environment's REDIS_PASSWORD that is not empty
   * counts. Default: none. Allowed: any text.
   */
  readonly authToken?: string | undefined;
  /** The password, where authToken is empty. Default: none. Allowed: any text. */
  readonly redisSecret?: string | undefined;
  /** The password, where authToken and redisSecret are empty. Default: none. Allowed: any text. */
  readonly password?: string | undefined;
  /** The ACL user (servers from 6.0). Default: none. Allowed: any text. */
  readonly username?: string | undefined;
  /**
   * The name of our connections in CLIENT LIST. Default: millrace. Allowed: printable ASCII without spaces; empty for
   * none.
   */
  readonly clientName?: string | undefined;
  /** Speak TLS, and how. On by itself with rediss:// or any of its members. */
  readonly tls?: TlsOptions | undefined;
  /** Streams, Pub/Sub, or what the server's version can do. Default: auto. Allowed: auto, streams, pubsub. */
  readonly mode?: 'auto' | 'streams' | 'pubsub' | undefined;
  /** The version of RESP; auto is 3 where the server knows it. Default: auto. Allowed: auto, 2, 3. */
  readonly protocol?: 'auto' | 2 | 3 | undefined;
  /**
   * Connections for reading and control. Publishing, Pub/Sub and probes open one more each at first use. Default: 2; 1
   * on edge hosts. 0: refused. Allowed: 1 to 64.
   */
  readonly lanes?: number | undefined;
  /** How long connecting may take, with TLS, HELLO and AUTH. Default: 10s. 0: refused. Allowed: 1ms to 24h. */
  readonly connectionTimeout?: Duration | undefined;
  /**
   * How often a publish or request is tried again after the first time. Default: 3. 0: no retry. Allowed: 0 to 1000000.
   */
  readonly maxRetries?: number | undefined;
  /** The first wait before a retry; it doubles each time. Default: 100ms. 0: 50ms each time. Allowed: 0 to 24h. */
  readonly retryDelay?: Duration | undefined;
  /** The longest wait between retries. Default: 5s. 0: 50ms each time. Allowed: 0 to 24h. */
  readonly maxRetryDelay?: Duration | undefined;
  /** The part of each retry's wait that is random. Default: 0. 0: none. Allowed: 0 to 1. */
  readonly jitter?: number | undefined;
  /**
   * How long a read waits at the server for entries. Default: 2s; 250ms with one lane. 0: refused. Allowed: 1ms to 24h.
   */
  readonly block?: Duration | undefined;
  /**
   * How much longer than block a reply may take before the connection is given up. Default: 2s. 0: refused. Allowed:
   * 1ms to 24h.
   */
  readonly readSlack?: Duration | undefined;
  /**
   * Health turns bad when the server has not been heard for this long; a silent lane is pinged at a third of it.
   * Default: 15s. 0: refused. Allowed: 3ms to 24h.
   */
  readonly healthDeadline?: Duration | undefined;
  /** How deep the arrays of a reply may be nested. Default: 32. 0: refused. Allowed: 8 to 1024. */
  readonly maxDepth?: number | undefined;
  /**
   * How many elements a reply may have; of entries: each of them, and their list. Default: 1048576. 0: refused.
   * Allowed: 1024 to 1073741824.
   */
  readonly maxElements?: number | undefined;
  /**
   * The largest entry that is read or published, by the bytes of its names and values. A larger one is told of, and the
   * connection stays. Default: 512MiB; 16MiB in WASM. 0: refused. Allowed: 1KiB to 2GiB.
   */
  readonly maxMessageBytes?: ByteSize | undefined;
  /**
   * What may wait to be published, each entry with 128 bytes beside its own; past it publish says would_block. Default:
   * 16MiB. 0: refused. Allowed: 1KiB to 64GiB.
   */
  readonly publishQueueBytes?: ByteSize | undefined;
}

/** What a consumer or a tail reads, and how. */
export interface SourceOptions {
  /** The stream to consume. In place of streams or pattern. Default: none. Allowed: a name. */
  readonly stream?: string | undefined;
  /**
   * The streams to consume. In place of stream or pattern. Default: none. Allowed: names, each once; as text separated
   * by commas.
   */
  readonly streams?: readonly string[] | undefined;
  /**
   * Consumes every stream whose name matches, those that come later too; dead streams never do. In place of stream or
   * streams, and with a group. Default: none. Allowed: a pattern as SCAN takes it.
   */
  readonly pattern?: string | undefined;
  /**
   * The consumer group. Empty: every entry is read, as a tail. Default: notifications. Allowed: a name; empty for a
   * tail.
   */
  readonly group?: string | undefined;
  /**
   * Our name in the group, which no other reader of it has. A stable one finds its unacked entries again after a
   * restart. Default: generated. Allowed: any text.
   */
  readonly consumer?: string | undefined;
  /**
   * Where a group begins when it is created: everything, what comes, or after an id. Default: 0. Allowed: `0`, `$` or
   * an entry id.
   */
  readonly start?: string | undefined;
  /**
   * Where a tail begins: with what comes, with the last n entries of each stream, after an entry id, or after the
   * newest entry whose canonical id (idField) this is. Default: new. Allowed: `new`, `last:n` with n from 1 to 1000000,
   * an entry id, or `id:` and a canonical id.
   */
  readonly from?: string | undefined;
  /**
   * How far a tail had read: the last entry ids that it handled. Streams without one begin as `from` says. Default:
   * none. Allowed: `stream=id`, each stream once; as text separated by commas.
   */
  readonly cursors?: readonly string[] | undefined;
  /**
   * The most entries of a stream, from the newest backwards, that are searched for `from: id:…`. Default: 100000. 0:
   * refused. Allowed: 1 to 1000000000.
   */
  readonly maxScan?: number | undefined;
  /** The most entries of a batch. Default: 10. 0: refused: COUNT 0 is no limit. Allowed: 1 to 1000000. */
  readonly batchSize?: number | undefined;
  /**
   * When to hand over a batch that is not full, from its first entry on. Default: 5s; tails 0. 0: hand over what has
   * come. Allowed: 0 to 24h.
   */
  readonly flushInterval?: Duration | undefined;
  /**
   * The most entries that are held; then reading stops until some are acked. Default: 4 x batchSize. 0: refused.
   * Allowed: 1 to 100000000, at least batchSize.
   */
  readonly prefetch?: number | undefined;
  /** The most bytes of entries that are held. Default: 64MiB; 16MiB in WASM. 0: refused. Allowed: 1KiB to 64GiB. */
  readonly prefetchBytes?: ByteSize | undefined;
  /**
   * How long a nacked entry waits before it is delivered here again. Default: as a retry's, by deliveries - 1. 0: again
   * at once. Allowed: 0 to 24h.
   */
  readonly nackDelay?: Duration | undefined;
  /**
   * Where a group that was lost is made again: before all that was pending or unread, at `start`, or with what comes.
   * Default: low_water. Allowed: low_water, start, new.
   */
  readonly onLostGroup?: 'low_water' | 'start' | 'new' | undefined;
  /** How often the group is searched for entries that others left. Default: 30s. 0: refused. Allowed: 1ms to 24h. */
  readonly claimInterval?: Duration | undefined;
  /**
   * How long an entry must have been left before it is taken over. Longer than a handler takes is not needed: what is
   * held is kept from others by heartbeats. Default: 60s. 0: refused. Allowed: 100ms to 87600h.
   */
  readonly claimMinIdle?: Duration | undefined;
  /** After this many deliveries an entry is a dead letter. Default: 16. 0: never. Allowed: 0 to 1000000. */
  readonly maxDeliveries?: number | undefined;
  /**
   * Whether, and where, canonical ids that were acked are remembered; later entries of the same id are acked unseen.
   * With `redis` the server remembers them, for all consumers of the group and over restarts: the script that acks an
   * entry marks its id, and deletes the entry where `deleteAcked` asks for that. Default: off. Allowed: off, memory,
   * redis.
   */
  readonly dedupe?: 'off' | 'memory' | 'redis' | undefined;
  /**
   * Where the canonical id of an entry is; without one there, it is the entry's own id. Default: id. Allowed: a field,
   * or a path into a field's JSON such as `event.id`.
   */
  readonly idField?: string | undefined;
  /** How long an id is remembered, from its ack on. Default: 10m. 0: no bound by time. Allowed: 0 to 87600h. */
  readonly dedupeWindow?: Duration | undefined;
  /**
   * How many ids of a consumer `dedupe: memory` remembers; with `redis` only `dedupeWindow` counts. Default: 100000. 0:
   * no bound by count. Allowed: 0 to 1000000000.
   */
  readonly dedupeCount?: number | undefined;
  /**
   * Delete entries from the stream once they are acked, unless another group may still want them. Default: false.
   * Allowed: true, false.
   */
  readonly deleteAcked?: boolean | undefined;
  /**
   * After how long without a sign of life a consumer of the group that has nothing pending is deleted; where it is set,
   * every such consumer, whatever its name. Default: 24h for generated and leased names, never for others. 0: never.
   * Allowed: 0 to 87600h.
   */
  readonly consumerExpiry?: Duration | undefined;
  /**
   * Takes the name `{consumer}-{n}` with the first n from 1 that no other process has (without consumer:
   * `consumer-{n}`), and keeps it by a lease of 30 s. For hosts that have no name of their own to come back to.
   * Default: false; true on edge hosts. Allowed: true, false.
   */
  readonly consumerLease?: boolean | undefined;
  /** How often streams are searched for that match the pattern. Default: 5s. 0: refused. Allowed: 1ms to 24h. */
  readonly discoverInterval?: Duration | undefined;
}

/** How publishes behave. */
export interface PublishOptions {
  /** MULTI/EXEC around each publish; EXEC does not roll back. Default: false. Allowed: true, false. */
  readonly atomic?: boolean | undefined;
  /**
   * Trims the stream to about this many entries, with each append. Default: off. 0: refused. Allowed: 1 to
   * 1000000000000.
   */
  readonly maxLen?: number | undefined;
  /** Trims to exactly maxLen, which costs the server more. Default: false. Allowed: true, false. */
  readonly maxLenExact?: boolean | undefined;
  /** Trims entries older than this by the server's time, roughly. Default: off. 0: refused. Allowed: 1ms to 87600h. */
  readonly maxAge?: Duration | undefined;
  /** Never trims what a group has pending or has not read yet. Default: false. Allowed: true, false. */
  readonly keepPending?: boolean | undefined;
  /**
   * Writes each entry once, also after a lost reply, while its answer comes within idempotentWindow. Default: false.
   * Allowed: true, false.
   */
  readonly idempotent?: boolean | undefined;
  /** How long the server knows what was published. Default: 100s. 0: refused. Allowed: 1ms to 24h. */
  readonly idempotentWindow?: Duration | undefined;
  /**
   * How many entries of a stream the server knows, and so how many may be without an answer; more wait. Default: 100.
   * 0: refused. Allowed: 1 to 10000.
   */
  readonly idempotentCount?: number | undefined;
  /**
   * What a publish does when the server is out of memory: fails, or is tried again like other failures. Default: fail.
   * Allowed: fail, retry.
   */
  readonly onOom?: 'fail' | 'retry' | undefined;
}
