// What a key is for, told by its name, and whether a token may touch it. A stream has others beside it, whose names
// the core makes: its dead, leases, seen ids, what producers wrote. They belong to whom the stream belongs. Names are
// bytes, held as latin1 text.

/** What the engine keeps under a name. */
export type KeyKind = 'stream' | 'dead' | 'lease' | 'seen' | 'published';

const beside = /:(?:(dead)$|(lease|seen|published):)/;
const derived = /^\{([^{}]+)\}:(?:dead$|lease:|seen:|published:)/;

/** A name with a brace and one of our endings behind it; any other is a stream's own. */
export function kindOf(key: string): KeyKind {
  const found = beside.exec(key);
  if (found === null || !/[{}]/.test(key.slice(0, found.index))) return 'stream';
  return (found[1] ?? found[2]) as KeyKind;
}

/** The stream that a key belongs to, as far as its prefix matters: `{orders}:dead` belongs to `orders`. */
function owner(key: string): string {
  return derived.exec(key)?.[1] ?? key;
}

/** The beginnings of streams' names that a token may use. One that is empty allows every name. */
export class KeyPrefixes {
  private readonly prefixes: readonly string[];

  constructor(prefixes: readonly string[]) {
    this.prefixes = prefixes.map((prefix) => (prefix === '*' ? '' : Buffer.from(prefix, 'utf8').toString('latin1')));
  }

  allowsKey(key: string): boolean {
    const name = owner(key);
    return this.prefixes.some((prefix) => key.startsWith(prefix) || name.startsWith(prefix));
  }

  /** Whether every name that a glob can match is allowed: what is in front of its first wildcard decides. */
  allowsPattern(glob: string): boolean {
    const fixed = /^[^*?[\\]*/.exec(glob)?.[0] ?? '';
    return this.prefixes.some((prefix) => fixed.startsWith(prefix));
  }
}
