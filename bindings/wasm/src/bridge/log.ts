// Log lines as logfmt or JSON. A line is a level, an event in a few words, and fields; secrets are never given to it.

export const levels = ['debug', 'info', 'warn', 'error'] as const;
export type Level = (typeof levels)[number];

export interface LogLine {
  readonly level: Level;
  readonly message: string;
  readonly fields: Readonly<Record<string, string | number>>;
}

export type LogFormat = 'logfmt' | 'json';

export function formatted(line: LogLine, format: LogFormat, now: Date): string {
  const all = { ts: now.toISOString(), level: line.level, msg: line.message, ...line.fields };
  if (format === 'json') return JSON.stringify(all);
  return Object.entries(all)
    .map(([name, value]) => `${name}=${quoted(String(value))}`)
    .join(' ');
}

/** Plain where it can be; else as a JSON string, which logfmt's readers take. */
function quoted(value: string): string {
  return /^[\x21\x23-\x3c\x3e-\x5b\x5d-\x7e]+$/.test(value) ? value : JSON.stringify(value);
}
