// Values as people type them: durations, sizes; and the nearest known word to one that is not known.

const times: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
const sizes: Readonly<Record<string, number>> = { '': 1, B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 };

/** `500ms`, `5s`, `1h30m`, or whole milliseconds; in ms. */
export function durationOf(text: string): number | undefined {
  if (/^[0-9]{1,12}$/.test(text)) return Number(text);
  if (!/^([0-9]{1,9}(ms|s|m|h))+$/.test(text)) return undefined;
  let ms = 0;
  for (const [, count, unit] of text.matchAll(/([0-9]+)(ms|s|m|h)/g)) ms += Number(count) * (times[unit ?? ''] ?? 0);
  return ms;
}

/** `65536`, `64KiB`, `16MiB`. */
export function bytesOf(text: string): number | undefined {
  const [, count, unit] = /^([0-9]{1,12})(B|KiB|MiB|GiB)?$/.exec(text) ?? [];
  return count === undefined ? undefined : Number(count) * (sizes[unit ?? ''] ?? 1);
}

export function shownDuration(ms: number): string {
  for (const unit of ['h', 'm', 's']) {
    const size = times[unit] ?? 1;
    if (ms >= size && ms % size === 0) return `${ms / size}${unit}`;
  }
  return `${ms}ms`;
}

export function shownBytes(bytes: number): string {
  for (const unit of ['GiB', 'MiB', 'KiB']) {
    const size = sizes[unit] ?? 1;
    if (bytes >= size && bytes % size === 0) return `${bytes / size}${unit}`;
  }
  return String(bytes);
}

/** By the fewest letters changed, if that is no more than a third of them. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let least = Math.max(1, Math.floor(word.length / 3)) + 1;
  for (const each of known) {
    const changes = distance(word, each);
    if (changes < least) [best, least] = [each, changes];
  }
  return best;
}

function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; ++i) {
    const next = [i];
    for (let j = 1; j <= b.length; ++j) {
      const swap = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(swap, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

/** Without what is undefined. */
export function given<T extends object>(values: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as never;
}
