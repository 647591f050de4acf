// The command line of millrace-bridge as one table: its usage text is printed from it, and it is what reads the words.
// Each option may come from the environment instead. Secrets come from files and the environment alone: ps shows words.
import { readFileSync } from 'node:fs';
import type { Role } from './commands.js';
import { levels, type Level, type LogFormat } from './log.js';
import { defaultAllow, numbers, type BridgeOptions } from './settings.js';
import { readTokens } from './token_lines.js';
import { bytesOf, durationOf, given, nearest, shownBytes, shownDuration } from './values.js';

export interface Option {
  readonly name: string;
  readonly value: string;
  readonly what: string;
  readonly shown?: string;
  /** May be given several times, or with commas. */
  readonly many?: true;
  /** No value follows. */
  readonly flag?: true;
}

const { messageBytes, bufferBytes, bytesPerSecond, idleMs, connectTimeoutMs, shutdownTimeoutMs } = numbers;

export const options: readonly Option[] = [
  {
    name: 'upstream',
    value: 'URL',
    what: 'the one Redis: redis://host:6379/0, rediss://… or unix:///path, without a password',
  },
  {
    name: 'keys',
    value: 'PREFIX',
    many: true,
    what: 'how names of streams begin that may be used; * for all',
  },
  {
    name: 'tokens-file',
    value: 'FILE',
    what: 'lines of NAME TOKEN [allow=ROLE,…] [keys=PREFIX,…]; read again on SIGHUP',
  },
  {
    name: 'open',
    value: '',
    flag: true,
    what: 'no tokens: whoever reaches the port may come in',
  },
  {
    name: 'allow',
    value: 'ROLE',
    many: true,
    shown: defaultAllow.join(','),
    what: 'what tokens are for: tail, consume, publish, admin',
  },
  {
    name: 'origin',
    value: 'ORIGIN',
    many: true,
    shown: 'none',
    what: 'pages that may connect, like https://app.example; * for all',
  },
  {
    name: 'listen',
    value: 'HOST:PORT',
    shown: '127.0.0.1:8080',
    what: 'where clients come; port 0: any free one',
  },
  {
    name: 'path',
    value: 'PATH',
    shown: '/',
    what: 'where the WebSocket is',
  },
  {
    name: 'tls-cert',
    value: 'FILE',
    what: 'PEM; with --tls-key clients come by wss://',
  },
  {
    name: 'tls-key',
    value: 'FILE',
    what: 'PEM',
  },
  {
    name: 'metrics-listen',
    value: 'HOST:PORT',
    shown: 'as --listen',
    what: '/metrics there and not beside the WebSocket',
  },
  {
    name: 'upstream-username',
    value: 'NAME',
    what: 'of an ACL user',
  },
  {
    name: 'upstream-password-file',
    value: 'FILE',
    what: 'one line; or REDIS_PASSWORD in the environment',
  },
  {
    name: 'upstream-ca',
    value: 'FILE',
    shown: "the system's",
    what: 'PEM, for rediss',
  },
  {
    name: 'upstream-cert',
    value: 'FILE',
    what: 'PEM, a client certificate',
  },
  {
    name: 'upstream-key',
    value: 'FILE',
    what: 'PEM',
  },
  {
    name: 'upstream-server-name',
    value: 'NAME',
    shown: 'the host',
    what: 'whom the certificate must name',
  },
  {
    name: 'connections',
    value: 'N',
    shown: String(numbers.connections.value),
    what: 'at most so many at once',
  },
  {
    name: 'connections-per-token',
    value: 'N',
    shown: 'no limit',
    what: '',
  },
  {
    name: 'connections-per-address',
    value: 'N',
    shown: 'no limit',
    what: "a proxy's address counts as one",
  },
  {
    name: 'message-bytes',
    value: 'BYTES',
    shown: shownBytes(messageBytes.value),
    what: 'of one WebSocket message, and of one command',
  },
  {
    name: 'buffer-bytes',
    value: 'BYTES',
    shown: shownBytes(bufferBytes.value),
    what: 'wait for a slow side, then the other is not read',
  },
  {
    name: 'unanswered',
    value: 'N',
    shown: String(numbers.unanswered.value),
    what: 'commands without an answer, then no more are read',
  },
  {
    name: 'commands-per-second',
    value: 'N',
    shown: String(numbers.commandsPerSecond.value),
    what: "a connection's; faster ones wait; 0: no limit",
  },
  {
    name: 'bytes-per-second',
    value: 'BYTES',
    shown: shownBytes(bytesPerSecond.value),
    what: "a connection's, each way; 0: no limit",
  },
  {
    name: 'idle',
    value: 'TIME',
    shown: shownDuration(idleMs.value),
    what: 'a client that says nothing for so long is closed',
  },
  {
    name: 'connect-timeout',
    value: 'TIME',
    shown: shownDuration(connectTimeoutMs.value),
    what: 'for the upstream',
  },
  {
    name: 'shutdown-timeout',
    value: 'TIME',
    shown: shownDuration(shutdownTimeoutMs.value),
    what: 'for answers that are under way, at SIGTERM',
  },
  {
    name: 'log-format',
    value: 'FORMAT',
    shown: 'logfmt',
    what: 'logfmt or json',
  },
  {
    name: 'log-level',
    value: 'LEVEL',
    shown: 'info',
    what: levels.join(', '),
  },
];

export const usage = `millrace-bridge: lets browsers and other WebSocket clients at the streams of one Redis.

  millrace-bridge --upstream=redis://127.0.0.1:6379 --keys=orders --tokens-file=tokens --origin=https://app.example

Clients connect to ws://HOST:PORT/ with a token, and speak to that Redis and to no other, with the bridge's credentials
and not their own. They may send what millrace sends, on keys that begin as --keys says, and nothing else.

${options.map(line).join('\n')}
  --help, --version

Each may come from the environment, as MILLRACE_BRIDGE_UPSTREAM for --upstream. Secrets come from files or so:
REDIS_PASSWORD (or a password in MILLRACE_BRIDGE_UPSTREAM), and MILLRACE_BRIDGE_TOKENS, which has the lines of a tokens
file. Times are like 500ms, 5s, 2m; bytes like 64KiB, 16MiB.

SIGTERM and SIGINT: nobody comes in any more, commands under way are answered, clients are closed with 1012 and come
again elsewhere; a second signal ends at once. /livez, /readyz (asks the upstream) and /metrics (Prometheus) are for
operators. GET on the WebSocket's path with the token says whether one would be let in, and why not.

Exit status: 0 after a signal, 1 when the port can't be had, 2 for wrong options.
`;

function line({ name, value, what, shown }: Option): string {
  const left = `  --${name}${value === '' ? '' : `=${value}`}`;
  const text = [what, shown === undefined ? '' : `[${shown}]`].filter((part) => part !== '').join(' ');
  return `${left.padEnd(34)}${text}`;
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface CommandLine {
  readonly bridge: BridgeOptions;
  readonly listen: Address;
  readonly metricsListen: Address | undefined;
  readonly tls: { readonly cert: string; readonly key: string } | undefined;
  readonly tokensFile: string | undefined;
  readonly logFormat: LogFormat;
  readonly logLevel: Level;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** What was given, by the option's name; those of the environment only where there is no word. */
function gather(words: readonly string[], environment: Environment, faults: string[]): Map<string, string[]> {
  const found = new Map<string, string[]>();
  const byName = new Map(options.map((option) => [option.name, option]));
  for (let i = 0; i < words.length; ++i) {
    const word = words[i] ?? '';
    const [, name, , given] = /^--([^=]+)(=(.*))?$/s.exec(word) ?? [];
    const option = name === undefined ? undefined : byName.get(name);
    if (name === undefined || option === undefined) {
      const near = nearest((name ?? word).replace(/^-+/, ''), [...byName.keys()]);
      faults.push(`${word.split('=', 1)[0]}: no option of the bridge${near === undefined ? '' : `; is it --${near}?`}`);
      continue;
    }
    if (option.flag === true && given !== undefined) faults.push(`--${name}: takes no value`);
    const value = option.flag === true ? 'true' : (given ?? words[++i]);
    if (value === undefined || value === '') faults.push(`--${name}: a value is missing`);
    else if (option.many !== true && found.has(name)) faults.push(`--${name}: given twice`);
    else found.set(name, [...(found.get(name) ?? []), ...(option.many === true ? value.split(',') : [value])]);
  }
  for (const { name, many } of options) {
    const value = environment[`MILLRACE_BRIDGE_${name.toUpperCase().replace(/-/g, '_')}`];
    if (value === undefined || value === '' || found.has(name)) continue;
    found.set(name, many === true ? value.split(',') : [value]);
  }
  return found;
}

/** All faults at once, one line each. */
export function readCommandLine(words: readonly string[], environment: Environment): CommandLine | readonly string[] {
  const faults: string[] = [];
  const found = gather(words, environment, faults);
  const text = (name: string): string | undefined => found.get(name)?.[0];
  const read = <T>(name: string, parse: (text: string) => T | undefined, like: string): T | undefined => {
    const given = text(name);
    if (given === undefined) return undefined;
    const value = parse(given);
    if (value === undefined) faults.push(`--${name}: '${given}' is no ${like}`);
    return value;
  };
  const file = (name: string): string | undefined => {
    const path = text(name);
    if (path === undefined) return undefined;
    try {
      return readFileSync(path, 'utf8');
    } catch (error) {
      faults.push(`--${name}: can't read ${path}: ${(error as NodeJS.ErrnoException).code ?? 'unknown error'}`);
      return undefined;
    }
  };
  const count = (name: string): number | undefined => read(name, countOf, 'whole number');
  const bytes = (name: string): number | undefined => read(name, bytesOf, 'number of bytes, like 64KiB');
  const time = (name: string): number | undefined => read(name, durationOf, 'time, like 500ms, 5s or 2m');
  if (words.some((word) => /^--upstream(=|$)/.test(word)) && hasPassword(text('upstream') ?? '')) {
    faults.push('--upstream: a password there is for everyone to see; use REDIS_PASSWORD or --upstream-password-file');
  }
  const tokensText = text('tokens-file') === undefined ? environment['MILLRACE_BRIDGE_TOKENS'] : file('tokens-file');
  const password = file('upstream-password-file')?.replace(/\r?\n$/, '') ?? environment['REDIS_PASSWORD'];
  const [cert, key] = [file('tls-cert'), file('tls-key')];
  if ((text('tls-cert') === undefined) !== (text('tls-key') === undefined)) {
    faults.push('--tls-cert: goes together with --tls-key');
  }
  const bridge = given({
    upstream: given({
      url: text('upstream') ?? '',
      username: text('upstream-username'),
      password: password === '' ? undefined : password,
      ...{ ca: file('upstream-ca'), cert: file('upstream-cert'), key: file('upstream-key') },
      serverName: text('upstream-server-name'),
    }),
    keys: found.get('keys') ?? [],
    tokens: tokensText === undefined ? [] : readTokens(tokensText, faults),
    open: text('open') === 'true',
    allow: found.get('allow') as readonly Role[] | undefined,
    origins: found.get('origin'),
    path: text('path'),
    connections: count('connections'),
    connectionsPerToken: count('connections-per-token'),
    connectionsPerAddress: count('connections-per-address'),
    messageBytes: bytes('message-bytes'),
    bufferBytes: bytes('buffer-bytes'),
    unanswered: count('unanswered'),
    commandsPerSecond: count('commands-per-second'),
    bytesPerSecond: bytes('bytes-per-second'),
    ...{ idleMs: time('idle'), connectTimeoutMs: time('connect-timeout'), shutdownTimeoutMs: time('shutdown-timeout') },
  });
  const line: CommandLine = {
    bridge: bridge as BridgeOptions,
    listen: read('listen', addressOf, 'HOST:PORT') ?? { host: '127.0.0.1', port: 8080 },
    metricsListen: read('metrics-listen', addressOf, 'HOST:PORT'),
    tls: cert === undefined || key === undefined ? undefined : { cert, key },
    tokensFile: text('tokens-file'),
    logFormat: read('log-format', oneOf(['logfmt', 'json'] as const), 'format; logfmt or json') ?? 'logfmt',
    logLevel: read('log-level', oneOf(levels), `level; ${levels.join(', ')}`) ?? 'info',
  };
  return faults.length > 0 ? faults : line;
}

function hasPassword(url: string): boolean {
  return /^[a-z]+:\/\/[^/@]*:[^/@]+@/i.test(url);
}

function countOf(text: string): number | undefined {
  return /^[0-9]{1,15}$/.test(text) ? Number(text) : undefined;
}

function addressOf(text: string): Address | undefined {
  const [, host, port] = /^(.*):([0-9]{1,5})$/.exec(text) ?? [];
  if (host === undefined || port === undefined || Number(port) > 65_535) return undefined;
  return { host: host.replace(/^\[(.*)\]$/, '$1'), port: Number(port) };
}

function oneOf<T extends string>(words: readonly T[]): (text: string) => T | undefined {
  return (text) => words.find((word) => word === text);
}
