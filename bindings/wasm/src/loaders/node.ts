// The package in Node: the module is read from the file beside this one. What takes long to load is not loaded for what
// is needed of it: an import of `node:fs` brings all of its promises (2 ms), and the global `crypto` all of it (3 ms).
import factory from '../glue.mjs';
import { connectWith } from '../connect.js';
import type { Connect } from '../connect.js';
import { MillraceError } from '../errors.js';
import { webSeed } from '../host/host.js';
import type { DecodeText } from '../host/records.js';
import { builtin } from '../transports/builtin.js';
import { nodeTransport } from '../transports/node.js';

export * from '../public.js';
export { nodeTransport } from '../transports/node.js';

// Buffer decodes short texts several times as fast as TextDecoder, and takes any bytes as its own.
const utf8Slice = (Buffer.prototype as unknown as { utf8Slice(start: number, end: number): string }).utf8Slice;
const decode: DecodeText = (bytes, start, end) => utf8Slice.call(bytes, start, end);

/** Some hundred KB, once: read and compiled at once, which is quicker than to wait for threads that do it. */
async function load(): Promise<WebAssembly.Module> {
  const { readFileSync } = await builtin('node:fs');
  const file = new URL('./millrace.wasm', import.meta.url);
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    // Not every bundler takes a file along.
    const what = 'millrace.wasm is not beside the code that reads it: copy it there, or give `wasm`';
    throw new MillraceError('bad_config', `${what} (${file.pathname})`);
  }
  return new WebAssembly.Module(bytes);
}

function seed(): Uint32Array {
  try {
    const { closeSync, openSync, readSync } = process.getBuiltinModule('node:fs');
    const file = openSync('/dev/urandom', 'r');
    try {
      const bits = new Uint32Array(4);
      if (readSync(file, bits) === bits.byteLength) return bits;
    } finally {
      closeSync(file);
    }
  } catch {
    // No such device, or a Node before 20.16.
  }
  return webSeed();
}

/** Makes a client; REDIS_PASSWORD of the environment counts where neither URL nor options have a password. */
export const connect: Connect = connectWith(
  {
    transport: nodeTransport,
    decode,
    load,
    seed,
    deferring: () => setImmediate,
    defaults: () => (process.env['REDIS_PASSWORD'] ? { password: process.env['REDIS_PASSWORD'] } : {}),
  },
  factory,
);
