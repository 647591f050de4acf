// The text of a trace: lines of words, numbers and quoted bytes. tests/replay/traced_machine.hpp says what each call and
// answer looks like; here is how such a line is taken apart, and how what the module tells becomes one.

/** Bytes as one character each, as they stand in a trace: `\\`, `\"`, `\r`, `\n` and `\xNN`. */
export function quoted(bytes) {
  const escape = (each) => {
    if (each === '"' || each === '\\') return `\\${each}`;
    if (each === '\r') return '\\r';
    if (each === '\n') return '\\n';
    return `\\x${each.charCodeAt(0).toString(16).padStart(2, '0')}`;
  };
  return `"${Buffer.from(bytes)
    .toString('latin1')
    .replace(/["\\]|[^\x20-\x7e]/g, escape)}"`;
}

function unquoted(text) {
  const plain = text.slice(1, -1).replace(/\\(x([0-9a-f]{2})|.)/g, (_, each, hex) => {
    if (hex) return String.fromCharCode(parseInt(hex, 16));
    return { r: '\r', n: '\n' }[each] ?? each;
  });
  return Buffer.from(plain, 'latin1');
}

/** The words of a line: quoted ones as bytes, others as text. */
export function wordsOf(line) {
  const words = line.match(/"(?:[^"\\]|\\.)*"|[^ ]+/g) ?? [];
  return words.map((word) => (word.startsWith('"') ? unquoted(word) : word));
}

/** A text of the module's JSON: bytes that are no UTF-8 come as base64. */
const text = (value) => quoted(typeof value === 'string' ? value : Buffer.from(value.b64, 'base64'));

export const errorLine = ({ code, retryable, message }) =>
  `error ${code} ${retryable ? 'retryable' : 'final'} ${text(message)}`;

const from = ({ source }) => (source === undefined ? '' : ` source ${source}`);

/** Of the module's events: the line of each that recorded traces have. */
const eventLines = {
  ready: (event) =>
    `ready${from(event)} ${event.delivery} ${text(event.consumer)} ${event.protocol} ${text(event.serverVersion)}`,
  modeChanged: (event) => `mode ${event.delivery} ${text(event.serverVersion)}`,
  disconnected: (event) => `disconnected ${event.role} ${event.reason} ${errorLine(event.error)}`,
  reconnected: (event) => `reconnected ${event.role} ${event.attempts}`,
  interrupted: (event) => `interrupted${from(event)} ${text(event.stream)} ${Math.round(event.lasted * 1000)}`,
  closed: (event) => `closed${from(event)} held ${event.held}`,
  log: ({ level, message, fields }) =>
    ['log', level, text(message), ...Object.entries(fields).flat().map(text)].join(' '),
};

const reasons = ['size', 'flush', 'recovery'];
const roles = ['read', 'control', 'publish', 'push', 'probe'];

/** The 64 bits of a batch's id, which JavaScript has as a number that only they make sense of. */
export const batchNumber = (number) => new BigUint64Array(Float64Array.of(number).buffer)[0];
export const batchOf = (digits) => new Float64Array(BigUint64Array.of(BigInt(digits)).buffer)[0];

function batchLines({ source, batch, reason, entries }, nameOf) {
  const lines = entries.map(({ stream, id, deliveries, fields }) =>
    ['  entry', quoted(nameOf(source, stream)), id, deliveries, ...fields.flat().map(quoted)].join(' '),
  );
  return [`batch source ${source} batch ${batchNumber(batch)} ${reasons[reason]} ${entries.length}`, ...lines];
}

function resultLine({ flags, text: told }) {
  const flagNames = ['maybe_duplicate', 'maybe_written', 'reordered'].filter((_, i) => flags & (2 << i));
  const isError = (flags & 1) !== 0;
  const rest = isError ? [errorLine(JSON.parse(told))] : [];
  return ['  result', quoted(isError ? '' : told), ...flagNames, ...rest].join(' ');
}

/** What a record of the module says, as lines. */
export function linesOf(record, nameOf) {
  switch (record.kind) {
    case 'batch':
      return batchLines(record, nameOf);
    case 'acked':
      return [['acked source', record.source, 'batch', batchNumber(record.batch), ...record.indices].join(' ')];
    case 'published':
      return [`published ${record.ticket}`, ...record.results.map(resultLine)];
    case 'event': {
      const line = eventLines[record.type];
      if (!line) throw new Error(`traces had no event ${record.type} so far: say in trace.mjs what its line is`);
      return [line(record)];
    }
    case 'connect': {
      const { conn, role, host, port, unixPath, tls, deadline } = record;
      const flag = tls ? ' tls' : '';
      return [`connect ${conn} ${roles[role]} ${quoted(unixPath ?? host)} ${port}${flag} until ${deadline}`];
    }
    case 'close':
      return [`close ${record.conn}`];
    case 'readable':
      return [`set_readable ${record.conn} ${record.readable ? 'yes' : 'no'}`];
    case 'writable':
      return [String(record.conn)];
    default:
      throw new Error(`no line for a record ${record.kind}`);
  }
}
