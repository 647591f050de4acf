// The functions of the compiled module, as their C++ side in embind/ has them. Times are microseconds, texts are JSON
// unless a name says otherwise, and a status is a position in the table of codes (0: ok).

/** The module's exports. What is read out of its memory ends with the next call of anything here. */
export interface MillraceModule {
  /** Taken anew by the glue whenever memory has grown. */
  readonly HEAPU8: Uint8Array<ArrayBuffer>;

  create(
    url: string,
    document: string,
    defaults: string,
    s0: number,
    s1: number,
    s2: number,
    s3: number,
    now: number,
    wall: number,
  ): number;
  destroy(handle: number): void;
  open(handle: number, document: string, now: number): number;
  publisher(handle: number, document: string): number;
  close(handle: number, source: number, now: number): number;
  pause(handle: number, source: number, now: number): number;
  resume(handle: number, source: number, now: number): number;
  look(handle: number, source: number, now: number): number;
  drain(handle: number, timeoutUs: number, awaitsAcks: boolean, now: number): number;
  dead(handle: number, stream: string, after: string, count: number, now: number): number;
  /** The ids stand in one text, with a space between each and the next. */
  redrive(handle: number, stream: string, deadIds: string, now: number): number;
  /** `at` empty: the beginning; `sinceUs` -1: `at` counts. */
  changeGroup(
    handle: number,
    what: string,
    stream: string,
    group: string,
    at: string,
    sinceUs: number,
    now: number,
  ): number;
  /** Both are plain text. */
  replaceCredentials(handle: number, username: string, password: string, now: number): number;
  health(handle: number, source: number, now: number): string;
  /** Prometheus text. */
  metrics(handle: number, names: string, now: number): string;
  lastError(): string;
  codes(): string;

  _mr_turn(handle: number, now: number): number;
  _mr_room(handle: number, conn: number, hint: number): number;
  _mr_room_size(): number;
  _mr_fed(handle: number, conn: number, bytes: number, now: number): void;
  _mr_connected(handle: number, conn: number, now: number): void;
  _mr_disconnected(handle: number, conn: number, reason: number, now: number): void;
  _mr_transmit(handle: number, conn: number): number;
  _mr_sent(handle: number, conn: number, bytes: number): void;
  _mr_wall(handle: number, wall: number, now: number): void;
  _mr_scratch(bytes: number): number;
  _mr_ack(handle: number, batch: number, count: number, now: number): number;
  _mr_nack(handle: number, batch: number, count: number, delayUs: number, now: number): number;
  _mr_give_back(handle: number, batch: number, count: number, now: number): number;
  _mr_reject(handle: number, batch: number, count: number, errorBytes: number, now: number): number;
  _mr_publish(handle: number, publisher: number, bytes: number, now: number, hasWaited: number): number;
}

/** Why a connection ended, in the order of the core's DisconnectReason. */
export const disconnectReasons = [
  'closed',
  'dropped',
  'refused',
  'reset',
  'unreachable',
  'dns',
  'timeout',
  'tls_expired',
  'tls_unknown_authority',
  'tls_wrong_host',
  'tls_certificate_wanted',
  'tls_failed',
] as const;

/** One of the reasons for which a connection ends. */
export type DisconnectReason = (typeof disconnectReasons)[number];

/** In place of a count of indices: every entry of the batch. */
export const everyEntry = 0xffffffff;
