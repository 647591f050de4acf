// The core's scripts (core/src/command/scripts.cpp) as the bridge knows them: by their SHA-1, and by what each of their
// KEYS must be. A test reads the C++ and holds this table to it. No other script passes the bridge.
import { createHash } from 'node:crypto';
import type { KeyKind } from './keys.js';
import type { Role } from './commands.js';

export interface ScriptRow {
  readonly name: string;
  readonly sha1: string;
  readonly role: Role;
  /** What KEYS must be, one behind the other. */
  readonly keys: readonly KeyKind[];
  /** What more KEYS may be behind them, and how many of them at most. */
  readonly more?: readonly [KeyKind, number];
}

export const scripts: readonly ScriptRow[] = [
  { name: 'dead_letter', sha1: '3d4f58f9457b2b8082546deb85e974d829fddb6a', role: 'consume', keys: ['stream', 'dead'] },
  { name: 'redrive', sha1: '544d52b9f3f64cff1004c50ffc5eaf76b151c089', role: 'admin', keys: ['dead', 'stream'] },
  { name: 'ack_delete', sha1: 'a79ce5b5905e695c4f62f4f4bb6ad8b78e0061f5', role: 'consume', keys: ['stream'] },
  { name: 'delete_consumer', sha1: 'a4956c9a982a5d41e75b0c596db8422a1529a7f0', role: 'consume', keys: ['stream'] },
  {
    name: 'mark_seen',
    sha1: '517e4abc521a88b1c33eff971e0a5700051e3f9e',
    role: 'consume',
    keys: ['stream'],
    more: ['seen', 1000],
  },
  { name: 'renew_lease', sha1: 'e0347a6a1aefec7055027be7e3cd488f37794b0c', role: 'consume', keys: ['lease'] },
  { name: 'free_lease', sha1: '3326a365597e2cefab801d5a854959cdc148c454', role: 'consume', keys: ['lease'] },
  { name: 'release', sha1: '0cb38ddb60c261bb32ade32799c237bb102587c3', role: 'consume', keys: ['stream'] },
  {
    name: 'append',
    sha1: 'eecfb7e6e79d88138117f9616fda85594261cc69',
    role: 'publish',
    keys: ['stream'],
    more: ['published', 1],
  },
];

const bySha1 = new Map(scripts.map((row) => [row.sha1, row]));

export function scriptBySha1(sha1: string): ScriptRow | undefined {
  return bySha1.get(sha1.toLowerCase());
}

/** A script named by its text (latin1), as clients send it after NOSCRIPT. */
export function scriptBySource(source: string): ScriptRow | undefined {
  return bySha1.get(createHash('sha1').update(source, 'latin1').digest('hex'));
}
