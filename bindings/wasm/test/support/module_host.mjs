// The smallest host that the module can have: it takes turns, has sockets of node:net, and keeps what records say. The
// package's own is src/host; this one is here so that the module is tested without it.
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { fileURLToPath, pathToFileURL } from 'node:url';

const module = process.env.MILLRACE_MODULE ?? fileURLToPath(new URL('../../../../build/wasm/bindings/wasm', import.meta.url));

export const wasmPath = `${module}/millrace.wasm`;
export const gluePath = `${module}/millrace.mjs`;

/** The glue says which function of its own each of the module's shortened imports is. An emsdk of today calls the table
 * otherwise than Debian's Emscripten. */
export function importNames() {
  const table = /(?:asmLibraryArg|wasmImports)\s*=\s*{([^}]*)}/.exec(readFileSync(gluePath, 'utf8'))?.[1];
  if (!table) throw new Error('the glue has no table of imports');
  return new Map([...table.matchAll(/(\w+)"?:\s*(\w+)/g)].map(([, short, long]) => [short, long.replace(/^_+/, '')]));
}

/** A new instance, as every host makes one: of the compiled module. Its memory grows while `mayGrow` says so. */
export async function instantiate(mayGrow = () => true) {
  const compiled = new WebAssembly.Module(readFileSync(wasmPath));
  const { default: create } = await import(pathToFileURL(gluePath));
  return create({
    instantiateWasm(imports, receive) {
      for (const functions of Object.values(imports)) {
        for (const [short, call] of Object.entries(functions)) {
          if (importNames().get(short) !== 'emscripten_resize_heap') continue;
          functions[short] = (bytes) => (mayGrow(bytes) ? call(bytes) : 0);
        }
      }
      const instance = new WebAssembly.Instance(compiled, imports);
      receive(instance, compiled);
      return instance.exports;
    },
  });
}

export const now = () => Math.floor(performance.now() * 1000);
export const wall = () => Date.now() * 1000;

const text = new TextDecoder();

/** Reads a block at `address`: an object for each record. */
export function readBlock(module, address) {
  const bytes = module.HEAPU8;
  const view = new DataView(bytes.buffer);
  const u32 = (at) => view.getUint32(at, true);
  const f64 = (at) => view.getFloat64(at, true);
  const utf8 = (at, size) => text.decode(bytes.subarray(at, at + size));
  const end = address + u32(address);
  const records = [];
  for (let at = address + 8; at < end; at += u32(at + 4)) {
    records.push(readRecord(u32(at), at + 8, { bytes, u32, f64, utf8 }));
  }
  return records;
}

function readRecord(kind, at, { bytes, u32, f64, utf8 }) {
  switch (kind) {
    case 1:
      return {
        kind: 'batch',
        source: u32(at),
        reason: u32(at + 4),
        batch: f64(at + 8),
        entries: readEntries(at + 16, { bytes, u32 }),
      };
    case 2: {
      const indices = Array.from({ length: u32(at + 4) }, (_, i) => u32(at + 16 + 4 * i));
      return { kind: 'acked', source: u32(at), batch: f64(at + 8), indices };
    }
    case 3: {
      const count = u32(at + 8);
      let start = at + 16 + 8 * count;
      const results = [];
      for (let i = 0; i < count; ++i) {
        const size = u32(at + 20 + 8 * i);
        results.push({ flags: u32(at + 16 + 8 * i), text: utf8(start, size) });
        start += size;
      }
      return { kind: 'published', ticket: f64(at), results };
    }
    case 4:
      return { kind: 'event', ...JSON.parse(utf8(at + 8, u32(at))) };
    case 5:
      return {
        kind: 'connect',
        conn: u32(at),
        role: u32(at + 4),
        deadline: f64(at + 8),
        ...JSON.parse(utf8(at + 24, u32(at + 16))),
      };
    case 6:
      return { kind: 'close', conn: u32(at) };
    case 7:
      return { kind: 'readable', conn: u32(at), readable: u32(at + 4) === 1 };
    case 8:
      return { kind: 'writable', conn: u32(at) };
    case 9:
      return { kind: 'stream', source: u32(at), index: u32(at + 4), name: utf8(at + 16, u32(at + 8)) };
    case 10:
      return { kind: 'timeout', at: f64(at), more: u32(at + 8) === 1 };
    default:
      throw new Error(`a record of the unknown kind ${kind}`);
  }
}

function readEntries(at, { bytes, u32 }) {
  const [count, slices, runs, size] = [u32(at), u32(at + 4), u32(at + 8), u32(at + 12)];
  const sliceAt = at + 16 + 32 * count;
  const runAt = sliceAt + 8 * slices;
  const own = new Uint8Array(size);
  let filled = 0;
  for (let i = 0; i < runs; ++i) {
    const start = u32(runAt + 8 * i);
    own.set(bytes.subarray(start, start + u32(runAt + 8 * i + 4)), filled);
    filled += u32(runAt + 8 * i + 4);
  }
  if (filled !== size) throw new Error(`runs of ${filled} bytes for a batch of ${size}`);
  const part = (slice) =>
    own.subarray(u32(sliceAt + 8 * slice), u32(sliceAt + 8 * slice) + u32(sliceAt + 8 * slice + 4));
  return Array.from({ length: count }, (_, i) => {
    const row = at + 16 + 32 * i;
    const word = (offset) => (BigInt(u32(row + offset + 4)) << 32n) | BigInt(u32(row + offset));
    const first = u32(row + 20);
    const fields = Array.from({ length: u32(row + 24) }, (_, j) => [part(first + 2 * j), part(first + 2 * j + 1)]);
    return { id: `${word(0)}-${word(8)}`, stream: u32(row + 16), deliveries: u32(row + 28), fields, runs };
  });
}

/** A client of the module with sockets; records that are no request for one are kept in `told`. */
export class ModuleHost {
  told = [];
  #sockets = new Map();
  #timer;
  #waiting = [];

  constructor(module, options, defaults = {}) {
    this.module = module;
    const seed = crypto.getRandomValues(new Uint32Array(4));
    this.handle = module.create('', JSON.stringify(options), JSON.stringify(defaults), ...seed, now(), wall());
    if (this.handle === 0) throw new Error(module.lastError());
  }

  /** Turns until nothing is left to do at once. */
  turn() {
    for (let more = true; more;) {
      const address = this.module._mr_turn(this.handle, now());
      if (address === 0) throw new Error(this.module.lastError());
      for (const record of readBlock(this.module, address)) more = this.#follow(record);
    }
    this.#waiting = this.#waiting.filter((look) => !look());
  }

  /** The first record that is told, or was, and passes. */
  when(passes, what, timeoutMs = 10_000) {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`${what} has not come: ${JSON.stringify(this.told)}`)),
        timeoutMs,
      );
      const look = () => {
        const found = this.told.find(passes);
        if (!found) return false;
        clearTimeout(timer);
        resolve(found);
        return true;
      };
      if (!look()) this.#waiting.push(look);
    });
  }

  /** Puts words and bytes into the scratch. */
  scratch(words, bytes = new Uint8Array(0)) {
    const at = this.module._mr_scratch(words.length * 4 + bytes.length);
    if (at === 0) throw new Error(this.module.lastError());
    this.module.HEAPU8.set(new Uint8Array(Uint32Array.from(words).buffer), at);
    this.module.HEAPU8.set(bytes, at + words.length * 4);
    return words.length * 4 + bytes.length;
  }

  destroy() {
    clearTimeout(this.#timer);
    for (const socket of this.#sockets.values()) socket.destroy();
    this.#sockets.clear();
    this.module.destroy(this.handle);
  }

  #follow(record) {
    switch (record.kind) {
      case 'connect':
        this.#connect(record);
        break;
      case 'close':
        this.#sockets.get(record.conn)?.destroy();
        this.#sockets.delete(record.conn);
        break;
      case 'readable':
        this.#sockets.get(record.conn)?.[record.readable ? 'resume' : 'pause']();
        break;
      case 'writable':
        this.#write(record.conn);
        break;
      case 'timeout':
        clearTimeout(this.#timer);
        if (record.at >= 0) this.#timer = setTimeout(() => this.turn(), Math.max(0, (record.at - now()) / 1000));
        return record.more;
      default:
        this.told.push(record);
    }
    return false;
  }

  #connect({ conn, host, port }) {
    const socket = connect({ host, port });
    this.#sockets.set(conn, socket);
    const told = (tell) => {
      if (this.#sockets.get(conn) !== socket) return;
      tell();
      this.turn();
    };
    socket.on('connect', () => told(() => this.module._mr_connected(this.handle, conn, now())));
    socket.on('data', (bytes) => told(() => this.#feed(conn, bytes)));
    socket.on('error', () => {});
    socket.on('close', () =>
      told(() => {
        this.#sockets.delete(conn);
        this.module._mr_disconnected(this.handle, conn, 0, now());
      }),
    );
  }

  #feed(conn, bytes) {
    while (bytes.length > 0) {
      const at = this.module._mr_room(this.handle, conn, bytes.length);
      if (at === 0) return;
      const size = Math.min(bytes.length, this.module._mr_room_size());
      this.module.HEAPU8.set(bytes.subarray(0, size), at);
      this.module._mr_fed(this.handle, conn, size, now());
      bytes = bytes.subarray(size);
    }
  }

  #write(conn) {
    const at = this.module._mr_transmit(this.handle, conn);
    const words = new Uint32Array(this.module.HEAPU8.buffer, at, 1 + 2 * this.module.HEAPU32[at >> 2]);
    for (let i = 0; i < words[0]; ++i) {
      const [start, size] = [words[1 + 2 * i], words[2 + 2 * i]];
      this.#sockets.get(conn)?.write(this.module.HEAPU8.slice(start, start + size));
    }
    const sum = Array.from({ length: words[0] }, (_, i) => words[2 + 2 * i]).reduce((a, b) => a + b, 0);
    this.module._mr_sent(this.handle, conn, sum);
  }
}
