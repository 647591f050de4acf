// What every host's sockets look like to the loop, and how they say why they failed. Nothing here opens anything.
import type { DisconnectReason } from '../module.js';

/** TLS as the options `tls.*` say it. */
export interface TlsSettings {
  /** The name that the server's certificate must have. */
  readonly serverName: string;
  /** False: anybody in between can read and change everything. */
  readonly verify: boolean;
  /** PEM, or the path of a PEM file where the host has files. Empty: the host's authorities. */
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** What to connect to. */
export interface Target {
  readonly host: string;
  readonly port: number;
  /** In place of host and port, where the host has unix sockets. */
  readonly unixPath?: string;
  readonly tls?: TlsSettings;
  /** Aborted when the connection is wanted no more, or took too long. */
  readonly signal: AbortSignal;
  /** Bytes came. They are read before the call returns: the buffer may be used again. */
  onData(bytes: Uint8Array): void;
  /** The connection has ended after it was open; said once, and not after close(). No error: the peer closed it. */
  onClose(error?: unknown): void;
}

/** An open connection. */
export interface Socket {
  /**
   * Takes all of the bytes, which are the socket's from then on; settles, or returns nothing, once more may be written.
   * A failure is told by onClose, or by a rejection; the connection has ended then.
   */
  write(bytes: Uint8Array<ArrayBuffer>): Promise<void> | void;
  /** Stops reading. A few bytes may still come. */
  pause(): void;
  resume(): void;
  /** Ends the connection at once; nothing is told after it. */
  close(): void;
}

/** Opens connections on one kind of host. */
export interface Transport {
  /** Resolves once bytes can be sent: with `tls`, after the handshake and the check of the certificate. Rejects with an
   * error that has a `reason`. */
  open(target: Target): Promise<Socket>;
}

/** Why a connection could not be made, or ended. */
export class TransportError extends Error {
  override readonly name = 'TransportError';
  readonly reason: DisconnectReason;

  /** With a `cause`, of which the reason says it all; without, the message is logged. */
  constructor(reason: DisconnectReason, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.reason = reason;
  }
}

/** Any error as what the core can be told: a reason, `reset` where it carries none, and words where those say more.
 * @internal */
export function toldOf(error: unknown): { reason: DisconnectReason; words?: string } {
  if (!(error instanceof TransportError)) {
    // A browser's SyntaxError quotes the URL of a WebSocket, or its protocols, in which the token is.
    const words = String(error);
    return { reason: 'reset', words: /^SyntaxError/.exec(words)?.[0] ?? words };
  }
  return error.cause === undefined ? { reason: error.reason, words: error.message } : error;
}

const reasonsOfCodes: Readonly<Record<string, DisconnectReason>> = {
  ECONNREFUSED: 'refused',
  ENOENT: 'refused',
  ECONNRESET: 'reset',
  EPIPE: 'reset',
  ECONNABORTED: 'reset',
  ENOTFOUND: 'dns',
  EAI_AGAIN: 'dns',
  EAI_NODATA: 'dns',
  EAI_NONAME: 'dns',
  EHOSTUNREACH: 'unreachable',
  ENETUNREACH: 'unreachable',
  EADDRNOTAVAIL: 'unreachable',
  EACCES: 'unreachable',
  EPERM: 'unreachable',
  ETIMEDOUT: 'timeout',
  CERT_HAS_EXPIRED: 'tls_expired',
  CERT_NOT_YET_VALID: 'tls_expired',
  UNABLE_TO_GET_ISSUER_CERT: 'tls_unknown_authority',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'tls_unknown_authority',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'tls_unknown_authority',
  SELF_SIGNED_CERT_IN_CHAIN: 'tls_unknown_authority',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'tls_unknown_authority',
  ERR_TLS_CERT_ALTNAME_INVALID: 'tls_wrong_host',
  ERR_TLS_CERT_ALTNAME_FORMAT: 'tls_wrong_host',
  HOSTNAME_MISMATCH: 'tls_wrong_host',
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: 'tls_certificate_wanted',
  ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE: 'tls_failed',
};

/** The reason for a system's or OpenSSL's error code, which Node, Bun and Deno share.
 * @internal */
export function reasonOfCode(code: string): DisconnectReason | undefined {
  const known = reasonsOfCodes[code];
  if (known !== undefined) return known;
  return /^(ERR_SSL_|ERR_TLS_|CERT_|EPROTO$)/.test(code) ? 'tls_failed' : undefined;
}

const wordsOfReasons: readonly (readonly [RegExp, DisconnectReason])[] = [
  [/certificate ?required/i, 'tls_certificate_wanted'],
  [/not valid for name|name ?mismatch|altname|does not match/i, 'tls_wrong_host'],
  [/unknown ?issuer|self.signed|unable to (get|verify)/i, 'tls_unknown_authority'],
  [/certificate.*expired|notvalidyet|not yet valid/i, 'tls_expired'],
  [/tls|ssl|certificate|handshake/i, 'tls_failed'],
  [/refused/i, 'refused'],
  [/dns|lookup|getaddrinfo|name resolution|resolve/i, 'dns'],
  // What Workers say whatever it was.
  [/cannot connect to the specified address/i, 'unreachable'],
  [/unreachable|no route/i, 'unreachable'],
  [/timed? ?out/i, 'timeout'],
];

/** The reason by the words of an error, for hosts whose errors have no codes.
 * @internal */
export function reasonOfWords(message: string): DisconnectReason {
  return wordsOfReasons.find(([words]) => words.test(message))?.[1] ?? 'reset';
}

/** Any error as a TransportError, by its code where it has one, else by its words.
 * @internal */
export function asTransportError(error: unknown): TransportError {
  if (error instanceof TransportError) return error;
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  const words = typeof message === 'string' ? message : String(error);
  const known = typeof code === 'string' ? reasonOfCode(code) : undefined;
  const reason = known ?? reasonOfWords(words);
  return new TransportError(reason, words, known || reason !== 'reset' ? { cause: error } : {});
}
