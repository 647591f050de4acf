// What is thrown. The codes and what is to be done about each come from the core's table, which the module carries.
import type { MillraceModule } from './module.js';

/** Stable names of what can go wrong; docs/errors.md of the repository says what each means, and `advice` what to do. */
export type ErrorCode =
  | 'bad_config'
  | 'bad_argument'
  | 'closed'
  | 'not_held'
  | 'lost'
  | 'queue_full'
  | 'would_block'
  | 'too_large'
  | 'unsupported'
  | 'cursor_not_found'
  | 'auth'
  | 'no_permission'
  | 'wrong_type'
  | 'no_group'
  | 'oom'
  | 'server_busy'
  | 'connection'
  | 'timeout'
  | 'tls'
  | 'protocol'
  | 'script'
  | 'out_of_memory';

/**
 * Three kinds that never mix: the caller misused the API, the server refused or broke the protocol, or the surroundings
 * (network, memory, time) failed.
 */
export type ErrorKind = 'misuse' | 'peer' | 'environment';

/** An error as events and results carry it. */
export interface ErrorInfo {
  readonly code: ErrorCode;
  /** One line that names what is wrong. It never holds a secret. */
  readonly message: string;
  /** Whether the same call can succeed later without a change by the caller. */
  readonly retryable: boolean;
}

interface CodeRow {
  readonly code: ErrorCode | 'ok';
  readonly kind: ErrorKind;
  readonly retryable: boolean;
  readonly meaning: string;
  readonly advice: string;
}

let rows: readonly CodeRow[] | undefined;
/** Whose table it will be: reading it takes as long as half of what a client needs to start. */
let teller: MillraceModule | undefined;

/** The table is read off this module, unless it is known: it is the same in every instance.
 * @internal */
export function askForCodes(module: MillraceModule): void {
  if (!rows) teller = module;
}

/** Reads it now, if that was not done yet. This calls the module, so it is done before a turn's records are read, which
 * may bring errors.
 * @internal */
export function learnCodes(): void {
  if (!teller) return;
  const module = teller;
  teller = undefined;
  try {
    rows = JSON.parse(module.codes()) as CodeRow[];
  } catch {
    // The module has ended. Errors do without the table until another one tells it.
  }
}

const misuses: ReadonlySet<string> = new Set([
  'bad_config',
  'bad_argument',
  'closed',
  'not_held',
  'queue_full',
  'too_large',
]);

/** Everything that this package throws or rejects with, but for an AbortSignal's own reason. */
export class MillraceError extends Error {
  override readonly name = 'MillraceError';
  /** What went wrong, by its stable name. */
  readonly code: ErrorCode;
  readonly kind: ErrorKind;
  /** Whether the same call can succeed later without a change by the caller. */
  readonly retryable: boolean;
  /** What the caller should do. */
  readonly advice: string;
  /** Of a publish: it ended without confirmation, and the entry may be there. */
  readonly maybeWritten: boolean;

  constructor(code: ErrorCode, message: string, retryable?: boolean, maybeWritten = false) {
    super(message);
    learnCodes();
    const row = rows?.find((each) => each.code === code);
    this.code = code;
    this.kind = row?.kind ?? (misuses.has(code) ? 'misuse' : 'environment');
    this.retryable = retryable ?? row?.retryable ?? false;
    this.advice = row?.advice ?? '';
    this.maybeWritten = maybeWritten;
  }
}

/** @internal */
export function errorOf(info: ErrorInfo, maybeWritten = false): MillraceError {
  return new MillraceError(info.code, info.message, info.retryable, maybeWritten);
}

/** The error of the module's last call; `told`: its message in words of the caller's.
 * @internal */
export function lastError(module: MillraceModule, told = (message: string): string => message): MillraceError {
  const info = JSON.parse(module.lastError()) as ErrorInfo;
  const error = errorOf({ ...info, message: told(info.message) });
  // V8 keeps ten calls. As many lie between here and `consumer` or `tail`, and whose call was wrong came eleventh.
  Error.captureStackTrace?.(error, lastError);
  return error;
}

/** Throws `bad_argument` unless these are options of those names, with a space between each and the next, and a timeout is
 * one: a misspelt one would be passed over in silence, and a wait be for ever, or none.
 * @internal */
export function checkNames(what: string, options: object, names: string): void {
  const known = names.split(' ');
  const isObject = typeof options === 'object' && options !== null;
  const wrong = isObject ? Object.keys(options).find((name) => !known.includes(name)) : String(options);
  if (wrong !== undefined) {
    const why = isObject ? `unknown option '${wrong}'` : `${wrong} is no object`;
    throw new MillraceError('bad_argument', `${what}: ${why}; its options are ${known.join(', ')}`);
  }
  const { timeoutMs = 0 } = options as { readonly timeoutMs?: number };
  if (!(timeoutMs >= 0)) throw new MillraceError('bad_argument', `${what}: timeoutMs is ${timeoutMs}; allowed: from 0`);
}
