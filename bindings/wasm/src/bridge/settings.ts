// What a bridge is told, in values that the rest works with: defaults, and the checks that hold whoever filled them in,
// the command line or a program. Each wrong value is one error that names it.
import { createSecureContext } from 'node:tls';
import type { Role } from './commands.js';
import { roles } from './commands.js';
import type { LogLine } from './log.js';

export interface UpstreamOptions {
  /** `redis://host:6379/0`, `rediss://…` or `unix:///path`. */
  readonly url: string;
  readonly username?: string;
  readonly password?: string;
  /** PEM texts, for rediss. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  /** The name that the certificate must have; by default the host's. */
  readonly serverName?: string;
}

export interface TokenOptions {
  /** For logs and limits; never the token itself. */
  readonly name: string;
  readonly token: string;
  /** By default the bridge's. */
  readonly allow?: readonly Role[];
  readonly keys?: readonly string[];
}

export interface BridgeOptions {
  readonly upstream: string | UpstreamOptions;
  /** Beginnings of the names of the streams that may be used; `*` for all. */
  readonly keys: readonly string[];
  /** Who may come in. None at all only together with `open`. */
  readonly tokens?: readonly TokenOptions[];
  /** Lets everybody in who can reach the port, without a token. */
  readonly open?: boolean;
  readonly allow?: readonly Role[];
  /** Origins of pages, as browsers send them (`https://app.example`); `*` for all. Who sends none is no page. */
  readonly origins?: readonly string[];
  readonly path?: string;
  readonly connections?: number;
  readonly connectionsPerToken?: number;
  readonly connectionsPerAddress?: number;
  readonly messageBytes?: number;
  readonly bufferBytes?: number;
  readonly unanswered?: number;
  readonly commandsPerSecond?: number;
  readonly bytesPerSecond?: number;
  readonly idleMs?: number;
  readonly connectTimeoutMs?: number;
  readonly shutdownTimeoutMs?: number;
  readonly log?: (line: LogLine) => void;
}

export interface Upstream {
  readonly host: string;
  readonly port: number;
  /** A socket's path, in place of host and port. */
  readonly path: string | undefined;
  readonly isTls: boolean;
  readonly database: number;
  readonly username: string;
  readonly password: string;
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
  readonly serverName: string;
}

export interface Settings {
  readonly upstream: Upstream;
  readonly keys: readonly string[];
  readonly tokens: readonly TokenOptions[];
  readonly open: boolean;
  readonly allow: readonly Role[];
  readonly origins: ReadonlySet<string>;
  readonly path: string;
  readonly connections: number;
  readonly connectionsPerToken: number;
  readonly connectionsPerAddress: number;
  readonly messageBytes: number;
  readonly bufferBytes: number;
  readonly unanswered: number;
  readonly commandsPerSecond: number;
  readonly bytesPerSecond: number;
  readonly idleMs: number;
  readonly connectTimeoutMs: number;
  readonly shutdownTimeoutMs: number;
  readonly log: (line: LogLine) => void;
}

/** All that is wrong, one line each. */
export class BadOptions extends Error {
  readonly code = 'bad_config';
  readonly retryable = false;

  constructor(readonly faults: readonly string[]) {
    super(faults.join('\n'));
  }
}

/** Defaults, and the least that a number may be. 0 is no limit, where 0 may be said. */
export const numbers = {
  connections: { value: 1000, least: 1 },
  connectionsPerToken: { value: 0, least: 0 },
  connectionsPerAddress: { value: 0, least: 0 },
  messageBytes: { value: 17 * 1024 * 1024, least: 1024 },
  bufferBytes: { value: 1024 * 1024, least: 1024 },
  unanswered: { value: 10_000, least: 1 },
  commandsPerSecond: { value: 20_000, least: 0 },
  bytesPerSecond: { value: 32 * 1024 * 1024, least: 0 },
  idleMs: { value: 60_000, least: 100 },
  connectTimeoutMs: { value: 5_000, least: 1 },
  shutdownTimeoutMs: { value: 10_000, least: 1 },
} as const;

export const defaultAllow: readonly Role[] = ['tail', 'consume', 'publish'];

/** Throws BadOptions. */
export function checked(options: BridgeOptions): Settings {
  const faults: string[] = [];
  const told = options as unknown as Readonly<Record<string, unknown>>;
  const counts = Object.fromEntries(
    Object.entries(numbers).map(([name, { value, least }]) => {
      const given = told[name] ?? value;
      if (typeof given === 'number' && Number.isSafeInteger(given) && given >= least) return [name, given];
      faults.push(`${name}: ${String(given)} is no whole number from ${least} on`);
      return [name, value];
    }),
  ) as Record<keyof typeof numbers, number>;
  const upstream = upstreamOf(options.upstream, faults);
  const tokens = options.tokens ?? [];
  checkTokens(tokens, options.open === true, faults);
  const keys = options.keys ?? [];
  if (keys.length === 0) faults.push(`keys: say how the names of the streams begin that may be used ('*' for all)`);
  const allow = checkedRoles('allow', options.allow ?? defaultAllow, faults);
  const origins = (options.origins ?? []).map((origin) => checkedOrigin(origin, faults));
  const path = options.path ?? '/';
  if (!/^\/[\x21-\x7e]*$/.test(path) || /[?#]/.test(path)) faults.push(`path: '${path}' is no path of a URL`);
  if (faults.length > 0 || upstream === undefined) throw new BadOptions(faults);
  return {
    ...counts,
    ...{ upstream, tokens, keys, allow, path, open: options.open === true, origins: new Set(origins) },
    log: options.log ?? (() => undefined),
  };
}

function checkTokens(tokens: readonly TokenOptions[], isOpen: boolean, faults: string[]): void {
  if (tokens.length === 0 && !isOpen) {
    faults.push(`tokens: there are none, so nobody could come in; name some, or say that everybody may ('open')`);
  }
  if (tokens.length > 0 && isOpen) faults.push(`tokens: there are some, and 'open' says that none is wanted`);
  const names = new Set<string>();
  for (const { name, token, allow } of tokens) {
    if (names.has(name)) faults.push(`tokens: two are called '${name}'`);
    names.add(name);
    if (token.length < 16) faults.push(`tokens: that of '${name}' has ${token.length} characters; 16 are the least`);
    if (allow !== undefined) checkedRoles(`tokens: '${name}': allow`, allow, faults);
  }
}

export function checkedRoles(what: string, names: readonly string[], faults: string[]): readonly Role[] {
  for (const name of names) {
    if (!(roles as readonly string[]).includes(name)) {
      faults.push(`${what}: '${name}' is none of ${roles.join(', ')}`);
    }
  }
  if (names.length === 0) faults.push(`${what}: name at least one of ${roles.join(', ')}`);
  return names as readonly Role[];
}

function checkedOrigin(origin: string, faults: string[]): string {
  if (origin === '*' || origin === 'null') return origin;
  try {
    const url = new URL(origin);
    if (url.origin !== 'null' && url.pathname === '/' && url.search === '' && !origin.endsWith('/')) return url.origin;
  } catch {
    // Said below, as of every other text that is none.
  }
  faults.push(`origins: '${origin}' is no origin, like https://app.example`);
  return origin;
}

function whyNoTls({ ca, cert, key }: UpstreamOptions): string | undefined {
  // Node takes any text here, and then trusts nobody.
  if (ca !== undefined && !ca.includes('-----BEGIN CERTIFICATE-----')) return 'the authority is no certificate in PEM';
  try {
    createSecureContext({ cert, key });
    return undefined;
  } catch (error) {
    return `the client certificate can't be used: ${error instanceof Error ? error.message : 'unknown error'}`;
  }
}

function unescaped(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function upstreamOf(given: string | UpstreamOptions | undefined, faults: string[]): Upstream | undefined {
  const options: UpstreamOptions = typeof given === 'string' ? { url: given } : (given ?? { url: '' });
  const fail = (why: string): undefined => {
    faults.push(`upstream: ${why}`);
    return undefined;
  };
  if (options.url === '') return fail('say where Redis is, as redis://host:6379, rediss://host:6379 or unix:///path');
  let url: URL;
  try {
    url = new URL(options.url);
  } catch {
    return fail('that is no URL; it is like redis://host:6379');
  }
  const isUnix = url.protocol === 'unix:';
  const isTls = url.protocol === 'rediss:';
  if (!isUnix && !isTls && url.protocol !== 'redis:') {
    return fail(`'${url.protocol}//' is none of redis://, rediss://, unix://`);
  }
  if (url.search !== '' || url.hash !== '') return fail('the URL has more behind the database');
  if (!isUnix && url.hostname === '') return fail('the URL names no host');
  const database = isUnix ? '0' : url.pathname.replace(/^\//, '') || '0';
  if (!/^[0-9]{1,5}$/.test(database)) return fail(`'${database}' is no number of a database`);
  if (!isTls && (options.ca ?? options.cert ?? options.key ?? options.serverName) !== undefined) {
    return fail('certificates are given, and the URL is not rediss://');
  }
  if ((options.cert === undefined) !== (options.key === undefined)) {
    return fail('a client certificate and its key go together');
  }
  const wrong = whyNoTls(options);
  if (wrong !== undefined) return fail(wrong);
  const [username, password] = [url.username, url.password].map(unescaped);
  if (username === undefined || password === undefined) {
    return fail('the user or password in the URL has a % that begins no escape; a % itself is written %25');
  }
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  return {
    ...{ host, port: url.port === '' ? 6379 : Number(url.port), path: isUnix ? url.pathname : undefined, isTls },
    database: Number(database),
    username: options.username ?? username,
    password: options.password ?? password,
    ...{ ca: options.ca, cert: options.cert, key: options.key, serverName: options.serverName ?? host },
  };
}
