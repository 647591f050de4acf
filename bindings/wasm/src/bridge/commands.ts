// The commands that the core sends (core/src/command, and docs/acl.md), as one table: who may send each, its exact
// shape, and which of its words are keys. What is not in it does not pass. A test holds the table to the core's
// sources. Words are bytes, held as latin1 text.
import type { KeyKind, KeyPrefixes } from './keys.js';
import { kindOf } from './keys.js';
import type { ScriptRow } from './scripts.js';
import { scriptBySha1, scriptBySource } from './scripts.js';

/** What a token may be for. `admin` moves and destroys groups, and puts the dead back. */
export const roles = ['tail', 'consume', 'publish', 'admin'] as const;
export type Role = (typeof roles)[number];

/** The words of one command; `count` includes its name. */
export interface Words {
  readonly count: number;
  text(index: number): string;
}

/** What a connection may send. */
export interface Grant {
  readonly roles: ReadonlySet<Role>;
  readonly keys: KeyPrefixes;
  /** The only database that SELECT may name: the upstream's. */
  readonly database: number;
  /** Whether a client id at the upstream is that of a connection of the same client. */
  ownsClient(id: string): boolean;
}

/** What must be known of a command behind its verdict. */
export type Effect = 'subscribe' | 'multi' | 'exec';

export interface CommandRow {
  readonly name: string;
  /** Any of them will do; none: every token may. */
  readonly roles: readonly Role[];
  /** Undefined: fine; else why not. */
  readonly check: (words: Words, grant: Grant, role: Role | undefined) => string | undefined;
  readonly effect?: Effect;
}

const badShape = 'not in the form that millrace sends';

function keyIsWrong(key: string, kinds: readonly KeyKind[], grant: Grant): string | undefined {
  if (!grant.keys.allowsKey(key)) return `key '${key}' is not among those of this token`;
  return kinds.includes(kindOf(key)) ? undefined : `key '${key}' is no ${kinds.join(' or ')} key`;
}

const streams: readonly KeyKind[] = ['stream', 'dead'];

/** The key is word `index`, and there are so many words. */
function key(index: number, least: number, most = Number.POSITIVE_INFINITY, kinds = streams): CommandRow['check'] {
  return (words, grant) => {
    if (words.count < least || words.count > most) return badShape;
    return keyIsWrong(words.text(index), kinds, grant);
  };
}

/** Words from the name on, as given; `*` stands for any. */
function form(...shapes: readonly string[]): CommandRow['check'] {
  const all = shapes.map((shape) => shape.split(' '));
  return (words) => {
    const fits = all.some(
      (shape) => shape.length === words.count && shape.every((word, i) => word === '*' || word === upper(words, i)),
    );
    return fits ? undefined : badShape;
  };
}

function upper(words: Words, index: number): string {
  return index < words.count ? words.text(index).toUpperCase() : '';
}

/** A command that lists; without a COUNT, or with one of 0, its answer would have no bound. */
function listed(check: CommandRow['check'], at: (words: Words) => number | undefined): CommandRow['check'] {
  return (words, grant, role) => {
    const wrong = check(words, grant, role);
    if (wrong !== undefined) return wrong;
    const index = at(words);
    if (index === undefined) return undefined;
    if (index >= words.count) return 'COUNT is missing';
    return /^[1-9][0-9]{0,6}$/.test(words.text(index)) ? undefined : 'COUNT is from 1 to 9,999,999 here';
  };
}

/** Of one id, or with COUNT. */
function rangeCount(words: Words): number | undefined {
  if (words.count === 4 && /^[0-9]/.test(words.text(2)) && words.text(2) === words.text(3)) return undefined;
  return upper(words, 4) === 'COUNT' ? 5 : words.count;
}

/** Behind `XPENDING key group [IDLE ms] from to`; the summary has none. */
function pendingCount(words: Words): number | undefined {
  if (words.count === 3) return undefined;
  return upper(words, 3) === 'IDLE' ? 7 : 5;
}

/** `… COUNT n [BLOCK ms] STREAMS key… id…`, with COUNT as word `at`. A block for ever is none of ours. */
function readOf(at: number): CommandRow['check'] {
  return (words, grant) => {
    if (at === 4 && upper(words, 1) !== 'GROUP') return badShape;
    if (upper(words, at) !== 'COUNT') return badShape;
    const blocks = upper(words, at + 2) === 'BLOCK';
    if (blocks && !/^[1-9][0-9]{0,8}$/.test(upper(words, at + 3))) return 'BLOCK is from 1 ms to 999,999,999 ms here';
    const first = at + (blocks ? 5 : 3);
    if (upper(words, first - 1) !== 'STREAMS') return badShape;
    const count = (words.count - first) / 2;
    if (!Number.isInteger(count) || count < 1) return badShape;
    for (let i = 0; i < count; ++i) {
      const wrong = keyIsWrong(words.text(first + i), streams, grant);
      if (wrong !== undefined) return wrong;
    }
    return undefined;
  };
}

/** A consumer writes nowhere but to the dead. */
function append(words: Words, grant: Grant, role: Role | undefined): string | undefined {
  if (words.count < 5) return badShape;
  return keyIsWrong(words.text(1), role === 'consume' ? ['dead'] : streams, grant);
}

/** Every word is a key, or a channel: those have the names of streams. */
function all(kinds: readonly KeyKind[]): CommandRow['check'] {
  return (words, grant) => {
    if (words.count < 2) return badShape;
    for (let i = 1; i < words.count; ++i) {
      const wrong = keyIsWrong(words.text(i), kinds, grant);
      if (wrong !== undefined) return wrong;
    }
    return undefined;
  };
}

function patternIsWrong(glob: string, grant: Grant): string | undefined {
  return grant.keys.allowsPattern(glob) ? undefined : `pattern '${glob}' may match names that are not this token's`;
}

function patterns(words: Words, grant: Grant): string | undefined {
  if (words.count < 2) return badShape;
  for (let i = 1; i < words.count; ++i) {
    const wrong = patternIsWrong(words.text(i), grant);
    if (wrong !== undefined) return wrong;
  }
  return undefined;
}

/** `SCAN cursor MATCH pattern COUNT n [TYPE stream]`: without MATCH it would list every name of the database. */
function scan(words: Words, grant: Grant): string | undefined {
  const wrong = form('SCAN * MATCH * COUNT *', 'SCAN * MATCH * COUNT * TYPE STREAM')(words, grant, undefined);
  return wrong ?? patternIsWrong(words.text(3), grant);
}

function hello(words: Words): string | undefined {
  for (let i = 2; i < words.count; ++i) {
    if (upper(words, i) === 'AUTH') return 'the bridge has its own credentials; HELLO is sent without AUTH here';
  }
  const version = words.count > 1 ? words.text(1) : '';
  const fits = (words.count === 2 || (words.count === 4 && upper(words, 2) === 'SETNAME')) && /^[23]$/.test(version);
  return fits ? undefined : badShape;
}

function select(words: Words, grant: Grant): string | undefined {
  if (words.count !== 2) return badShape;
  return words.text(1) === String(grant.database) ? undefined : `the bridge serves database ${grant.database} alone`;
}

function own(shape: string, at: number): CommandRow['check'] {
  const fits = form(shape);
  return (words, grant, role) => {
    const wrong = fits(words, grant, role);
    if (wrong !== undefined) return wrong;
    return grant.ownsClient(words.text(at)) ? undefined : 'that is no connection of this client';
  };
}

/** `EVALSHA sha numkeys key… argument…`, or EVAL with the text. */
function call(find: (text: string) => ScriptRow | undefined): CommandRow['check'] {
  return (words, grant) => {
    if (words.count < 3) return badShape;
    const row = find(words.text(1));
    if (row === undefined) return 'that script is none of millrace';
    if (!grant.roles.has(row.role)) return `the script ${row.name} is not allowed for this token`;
    const [kind, most] = row.more ?? (['stream', 0] as const);
    const count = /^[0-9]{1,4}$/.test(words.text(2)) ? Number(words.text(2)) : -1;
    if (count < row.keys.length || count > row.keys.length + most || words.count < 3 + count) {
      return `the script ${row.name} has not so many keys`;
    }
    for (let i = 0; i < count; ++i) {
      const expected = row.keys[i] ?? kind;
      const wrong = keyIsWrong(words.text(3 + i), expected === 'stream' ? streams : [expected], grant);
      if (wrong !== undefined) return wrong;
    }
    return undefined;
  };
}

/** DET-3's last question, which names a key of nobody's. */
function length(words: Words, grant: Grant, role: Role | undefined): string | undefined {
  if (words.count === 2 && words.text(1) === 'millrace:probe') return undefined;
  return key(1, 2, 2)(words, grant, role);
}

const any: readonly Role[] = [];
const readers: readonly Role[] = ['tail', 'consume'];
const takers: readonly Role[] = ['consume'];
const writers: readonly Role[] = ['publish'];
const admins: readonly Role[] = ['admin'];

export const commands: readonly CommandRow[] = [
  { name: 'HELLO', roles: any, check: hello },
  { name: 'PING', roles: any, check: form('PING') },
  { name: 'SELECT', roles: any, check: select },
  { name: 'INFO', roles: any, check: form('INFO SERVER') },
  { name: 'COMMAND|INFO', roles: any, check: form('COMMAND INFO XREADGROUP') },
  { name: 'CLIENT|ID', roles: any, check: form('CLIENT ID') },
  { name: 'CLIENT|SETNAME', roles: any, check: form('CLIENT SETNAME *') },
  { name: 'CLIENT|KILL', roles: any, check: own('CLIENT KILL ID *', 3) },
  { name: 'CLIENT|UNBLOCK', roles: any, check: own('CLIENT UNBLOCK *', 2) },
  { name: 'XLEN', roles: any, check: length },
  { name: 'XINFO|STREAM', roles: any, check: key(2, 3, 3) },
  { name: 'SCAN', roles: readers, check: listed(scan, () => 5) },
  { name: 'TYPE', roles: readers, check: key(1, 2, 2) },
  { name: 'XREAD', roles: ['tail'], check: listed(readOf(1), () => 2) },
  { name: 'XREVRANGE', roles: readers, check: listed(key(1, 4, 6), rangeCount) },
  { name: 'XRANGE', roles: ['tail', 'consume', 'admin'], check: listed(key(1, 4, 6), rangeCount) },
  { name: 'XREADGROUP', roles: takers, check: listed(readOf(4), () => 5) },
  { name: 'XACK', roles: takers, check: key(1, 4) },
  { name: 'XACKDEL', roles: takers, check: key(1, 6) },
  { name: 'XNACK', roles: takers, check: key(1, 6) },
  { name: 'XPENDING', roles: takers, check: listed(key(1, 3, 9), pendingCount) },
  { name: 'XCLAIM', roles: takers, check: key(1, 6) },
  { name: 'XAUTOCLAIM', roles: takers, check: listed(key(1, 8, 9), () => 7) },
  { name: 'XINFO|GROUPS', roles: ['consume', 'publish', 'admin'], check: key(2, 3, 3) },
  { name: 'XINFO|CONSUMERS', roles: takers, check: key(2, 4, 4) },
  { name: 'XGROUP|CREATE', roles: ['consume', 'admin'], check: key(2, 5, 6) },
  { name: 'XGROUP|SETID', roles: admins, check: key(2, 5, 5) },
  { name: 'XGROUP|DESTROY', roles: admins, check: key(2, 4, 4) },
  { name: 'MGET', roles: takers, check: all(['lease', 'seen']) },
  {
    name: 'SET',
    roles: takers,
    check: (words, grant, role) =>
      form('SET * * NX PX *')(words, grant, role) ?? keyIsWrong(words.text(1), ['lease'], grant),
  },
  { name: 'XADD', roles: ['publish', 'admin', 'consume'], check: append },
  { name: 'XCFGSET', roles: writers, check: key(1, 6, 6) },
  { name: 'XDEL', roles: admins, check: key(1, 3, 3) },
  { name: 'TIME', roles: writers, check: form('TIME') },
  { name: 'MULTI', roles: writers, check: form('MULTI'), effect: 'multi' },
  { name: 'EXEC', roles: writers, check: form('EXEC'), effect: 'exec' },
  { name: 'PUBLISH', roles: writers, check: key(1, 3, 3) },
  { name: 'SUBSCRIBE', roles: readers, check: all(streams), effect: 'subscribe' },
  { name: 'UNSUBSCRIBE', roles: readers, check: all(streams), effect: 'subscribe' },
  { name: 'PSUBSCRIBE', roles: readers, check: patterns, effect: 'subscribe' },
  { name: 'PUNSUBSCRIBE', roles: readers, check: patterns, effect: 'subscribe' },
  { name: 'EVALSHA', roles: ['consume', 'publish', 'admin'], check: call(scriptBySha1) },
  { name: 'EVAL', roles: ['consume', 'publish', 'admin'], check: call(scriptBySource) },
];

const byName = new Map(commands.map((row) => [row.name, row]));
const containers = new Set(commands.filter((row) => row.name.includes('|')).map((row) => row.name.split('|')[0]));

/** What becomes of a command. `why` is for the client, and has no secrets of the bridge. */
export type Verdict =
  | { readonly name: string; readonly why: undefined; readonly effect: Effect | undefined }
  | { readonly name: string; readonly why: string };

/** A name that nobody knows is not repeated in metrics: a client could make any number of them. */
const unknown = 'unknown';

export function judge(words: Words, grant: Grant): Verdict {
  const first = upper(words, 0);
  const name = containers.has(first) ? `${first}|${upper(words, 1)}` : first;
  const row = first.includes('|') ? undefined : byName.get(name);
  if (row === undefined) return { name: unknown, why: `'${printable(name)}' is no command of millrace` };
  const role = row.roles.find((each) => grant.roles.has(each));
  if (role === undefined && row.roles.length > 0) {
    return { name, why: `${name} is for tokens with ${row.roles.join(' or ')}` };
  }
  const why = row.check(words, grant, role);
  return why === undefined ? { name, why, effect: row.effect } : { name, why: `${name}: ${printable(why)}` };
}

/** One line of visible ASCII, so that what a client sent can't break an error reply or a log line in two. */
export function printable(text: string): string {
  return text.slice(0, 200).replace(/[^\x20-\x7e]/g, '?');
}
