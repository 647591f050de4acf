// The package in Node: the module is read from the file beside this one.
import { readFileSync } from 'node:fs';

import factory from '../glue.mjs';
import { connectWith } from '../connect.js';
import type { Connect } from '../connect.js';
import { MillraceError } from '../errors.js';
import type { DecodeText } from '../host/records.js';
import { nodeTransport } from '../transports/node.js';

export * from '../public.js';
export { nodeTransport } from '../transports/node.js';

// Buffer decodes short texts several times as fast as TextDecoder, and takes any bytes as its own.
const utf8Slice = (Buffer.prototype as unknown as { utf8Slice(start: number, end: number): string }).utf8Slice;
const decode: DecodeText = (bytes, start, end) => utf8Slice.call(bytes, start, end);

/** Some hundred KB, once: quicker than to wait for a thread. */
function readModule(): Uint8Array<ArrayBuffer> {
  const file = new URL('./millrace.wasm', import.meta.url);
  try {
    return readFileSync(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    // Not every bundler takes a file along.
    const what = 'millrace.wasm is not beside the code that reads it: copy it there, or give `wasm`';
    throw new MillraceError('bad_config', `${what} (${file.pathname})`);
  }
}

/** Makes a client; REDIS_PASSWORD of the environment counts where neither URL nor options have a password. */
export const connect: Connect = connectWith(
  {
    transport: nodeTransport,
    decode,
    load: async () => WebAssembly.compile(readModule()),
    deferring: () => setImmediate,
    defaults: () => (process.env['REDIS_PASSWORD'] ? { password: process.env['REDIS_PASSWORD'] } : {}),
  },
  factory,
);
