// The text of server-sent events: fields, messages, and the event ids that say where a page is. Knows no streams and no
// Response.

/** Where a page is in each stream. */
export type Cursors = Map<string, string>;

const lineEnds = /\r\n|\r|\n/;

/** One line. Whoever reads takes one space off the value, so there is always one. */
export function field(name: string, value: string): string {
  return `${name}: ${value}\n`;
}

/** A whole event. Data may have any lines: a reader joins them by LF again, whatever their ends were. */
export function message(event: string | undefined, data: string, id?: string): string {
  let text = id === undefined ? '' : field('id', id);
  if (event !== undefined && event !== '') text += field('event', event.replace(/[\r\n]+/g, ' '));
  for (const line of data.split(lineEnds)) text += field('data', line);
  return `${text}\n`;
}

/** The id of the last entry; where there are several streams `stream=id,…`, their names encoded as in a URL. */
export function idOf(cursors: Cursors, streams: readonly string[]): string {
  const [only] = streams;
  if (streams.length === 1 && only !== undefined) return cursors.get(only) ?? '';
  let text = '';
  for (const stream of streams) {
    const id = cursors.get(stream);
    if (id === undefined) continue;
    text += `${text === '' ? '' : ','}${encodeURIComponent(stream)}=${id}`;
  }
  return text;
}

/** idOf's inverse; undefined where it is no such text, or names another stream. Empty: a page that comes anew. */
export function readCursors(text: string, streams: readonly string[]): Cursors | undefined {
  const cursors: Cursors = new Map();
  if (text === '') return cursors;
  const [only] = streams;
  if (streams.length === 1 && only !== undefined) {
    return isEntryId(text) ? cursors.set(only, text) : undefined;
  }
  for (const part of text.split(',')) {
    const [name = '', id = '', ...more] = part.split('=');
    const stream = decoded(name);
    if (stream === undefined || more.length > 0 || !isEntryId(id)) return undefined;
    if (!streams.includes(stream) || cursors.has(stream)) return undefined;
    cursors.set(stream, id);
  }
  return cursors;
}

function isEntryId(text: string): boolean {
  return /^[0-9]{1,20}-[0-9]{1,20}$/.test(text) && text.split('-').every((part) => BigInt(part) < 2n ** 64n);
}

function decoded(name: string): string | undefined {
  try {
    return decodeURIComponent(name);
  } catch {
    return undefined;
  }
}
