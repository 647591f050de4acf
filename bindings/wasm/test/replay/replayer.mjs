// Runs the calls of a trace through the border of the package's module, and gives what it answered as a trace of the
// same form. The border polls all at once, in a turn, where the recorder polled one by one: a turn is taken before the
// first poll behind a call, and what it told is handed out poll by poll.
import { readBlock } from '../support/module_host.mjs';
import { batchOf, errorLine, linesOf, quoted, wordsOf } from './trace.mjs';

/** What the recorder's host has by default, where WebAssembly has less. */
const nativeDefaults = JSON.stringify({ max_message_bytes: '512MiB', prefetch_bytes: '64MiB' });
const everyEntry = 0xffffffff;
const reasons = [
  ...['closed', 'dropped', 'refused', 'reset', 'unreachable', 'dns', 'timeout', 'tls_expired'],
  ...['tls_unknown_authority', 'tls_wrong_host', 'tls_certificate_wanted', 'tls_failed'],
];
const halves = (digits) => [Number(BigInt(digits) >> 32n), Number(BigInt(digits) & 0xffffffffn)];

/** A source's keys, which a trace has as the query of a URL. */
function documentOf(url) {
  const keys = [...new URL(String(url)).searchParams];
  return JSON.stringify(Object.fromEntries(keys.map(([key, value]) => [key, /^\d+$/.test(value) ? +value : value])));
}

class Replay {
  #module;
  #handle = 0;
  #now = 0;
  #room = 0;
  #hasTurned = true;
  #told = { event: [], action: [], writable: [] };
  #timeoutAt = -1;
  #streams = new Map();

  constructor(module) {
    this.#module = module;
  }

  end() {
    if (this.#handle !== 0) this.#module.destroy(this.#handle);
  }

  /** The lines of the answer to a call. */
  answer(line) {
    const [verb, ...words] = wordsOf(line);
    if (verb.endsWith('?')) return this.#poll(verb.slice(0, -1));
    if (verb === 'transmit') return [quoted(this.#transmit(Number(words[0])))];
    this.#hasTurned = false;
    if (verb === 'room') return this.#makeRoom(...words.map(Number));
    if (verb === 'sent') {
      this.#module._mr_sent(this.#handle, ...words.map(Number));
      return [];
    }
    this.#now = Number(words[0]);
    return this.#command(verb, words.slice(1)) ?? this.#happening(verb, words.slice(1));
  }

  // ---- what the application does

  #command(verb, words) {
    const [module, handle, now] = [this.#module, this.#handle, this.#now];
    switch (verb) {
      case 'create': {
        const [wall, seedHigh, seedLow, url] = words;
        const seed = [...halves(seedHigh), ...halves(seedLow)];
        this.#handle = module.create(String(url), '', nativeDefaults, ...seed, now, Number(wall));
        return this.#status(this.#handle === 0 ? 1 : 0);
      }
      case 'open': {
        const source = module.open(handle, documentOf(words[0]), now);
        return source === 0 ? this.#status(1) : [`source ${source}`];
      }
      case 'close':
      case 'pause':
      case 'resume':
        return this.#status(module[verb](handle, Number(words[0]), now));
      case 'drain':
        return this.#status(module.drain(handle, Number(words[0]), words[1] === 'acks', now));
      case 'publish':
        return this.#publish(words);
      case 'ack':
        return this.#status(module._mr_ack(handle, batchOf(words[0]), this.#entries(words.slice(1)), now));
      case 'nack': {
        const delay = words[1] === 'default' ? -1 : Number(words[1]);
        return this.#status(module._mr_nack(handle, batchOf(words[0]), this.#entries(words.slice(2)), delay, now));
      }
      case 'release': // the next turn does it
        return [];
      default:
        return undefined;
    }
  }

  #status(status) {
    return [status === 0 ? 'ok' : errorLine(JSON.parse(this.#module.lastError()))];
  }

  /** Puts bytes into the scratch; how many they are. */
  #scratch(bytes) {
    const at = this.#module._mr_scratch(bytes.length);
    this.#module.HEAPU8.set(bytes, at);
    return bytes.length;
  }

  #entries(words) {
    if (words[0] === 'all') return everyEntry;
    this.#scratch(new Uint8Array(Uint32Array.from(words, Number).buffer));
    return words.length;
  }

  #publish([kind, stream, , ...words]) {
    const entries = [];
    for (let fields = []; words.length > 0;) {
      const word = words.shift();
      if (word !== ';') fields.push(word);
      else entries.push(fields.splice(0));
    }
    const sizes = entries.flatMap((fields) => [fields.length / 2, ...fields.map((field) => field.length)]);
    const table = Uint32Array.of(stream.length, entries.length, ...sizes);
    const bytes = Buffer.concat([Buffer.from(table.buffer), stream, ...entries.flat()]);
    const publisher = this.#module.publisher(this.#handle, kind === 'atomic' ? '{"atomic":true}' : '');
    const ticket = this.#module._mr_publish(this.#handle, publisher, this.#scratch(bytes), this.#now);
    return ticket < 0 ? this.#status(1) : [`ticket ${ticket}`];
  }

  // ---- what happens to it

  #makeRoom(conn, hint) {
    this.#room = this.#module._mr_room(this.#handle, conn, hint);
    return [`room ${this.#module._mr_room_size()}`];
  }

  #happening(verb, words) {
    const [module, handle, now] = [this.#module, this.#handle, this.#now];
    const number = Number(words[0]);
    if (verb === 'input') {
      module.HEAPU8.set(words[1], this.#room);
      module._mr_fed(handle, number, words[1].length, now);
    } else if (verb === 'connected') {
      module._mr_connected(handle, number, now);
    } else if (verb === 'disconnected') {
      module._mr_disconnected(handle, number, reasons.indexOf(words[1]), now);
    } else if (verb === 'wall') {
      module._mr_wall(handle, number, now);
    } else if (verb === 'timeout') {
      this.#turn();
    } else {
      throw new Error(`no call of a trace: ${verb}`);
    }
    return [];
  }

  // ---- what it tells

  #turn() {
    this.#hasTurned = true;
    for (let hasMore = true; hasMore;) {
      const address = this.#module._mr_turn(this.#handle, this.#now);
      if (address === 0) throw new Error(this.#module.lastError());
      for (const record of readBlock(this.#module, address)) hasMore = this.#keep(record);
    }
  }

  #keep(record) {
    const nameOf = (source, stream) => this.#streams.get(`${source} ${stream}`);
    if (record.kind === 'timeout') {
      this.#timeoutAt = record.at;
      return record.more;
    }
    if (record.kind === 'stream') {
      this.#streams.set(`${record.source} ${record.index}`, record.name);
      return true;
    }
    const isAction = ['connect', 'close', 'readable'].includes(record.kind);
    const what = record.kind === 'writable' ? 'writable' : isAction ? 'action' : 'event';
    const lines = linesOf(record, nameOf);
    // Told twice before it is asked for, a connection is writable once.
    if (what === 'writable' && this.#told.writable.some(([conn]) => conn === lines[0])) return true;
    this.#told[what].push(lines);
    return true;
  }

  #poll(what) {
    if (!this.#hasTurned) this.#turn();
    if (what === 'timeout') return [this.#timeoutAt < 0 ? 'none' : String(this.#timeoutAt)];
    return this.#told[what].shift() ?? ['none'];
  }

  #transmit(conn) {
    const { _mr_transmit, HEAPU8 } = this.#module;
    const at = _mr_transmit(this.#handle, conn);
    const count = new DataView(HEAPU8.buffer).getUint32(at, true);
    const words = new Uint32Array(HEAPU8.buffer.slice(at + 4, at + 4 + 8 * count));
    const parts = Array.from({ length: count }, (_, i) => HEAPU8.slice(words[2 * i], words[2 * i] + words[2 * i + 1]));
    return Buffer.concat(parts);
  }
}

/** The border tells lengths of time as whole milliseconds. */
const asTold = (line) => (line.startsWith('interrupted') ? line.replace(/\d+$/, (us) => us - (us % 1000)) : line);

/** The calls of a trace, each with its answer's lines. The border does not tell `finished?`: `closed` does. */
export function callsOf(trace) {
  const calls = [];
  for (const line of trace.trimEnd().split('\n').slice(1)) {
    if (line.startsWith('= ')) calls.at(-1).answer.push(asTold(line.slice(2)));
    else calls.push({ line, answer: [] });
  }
  return calls.filter(({ line }) => line !== 'finished?');
}

/** The same calls, with what the module answers to them. */
export function replay(module, calls) {
  const replayed = new Replay(module);
  try {
    return calls.map(({ line }) => ({ line, answer: replayed.answer(line) }));
  } finally {
    replayed.end();
  }
}
