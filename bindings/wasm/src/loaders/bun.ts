// The package in Bun.
import factory from '../glue.mjs';
import { connectWith } from '../connect.js';
import type { Connect } from '../connect.js';
import { decodeText, webSeed } from '../host/host.js';
import { bunTransport } from '../transports/bun.js';
import { loadInline } from './inline.js';

export * from '../public.js';
export { bunTransport } from '../transports/bun.js';

/** Makes a client; REDIS_PASSWORD of the environment counts where neither URL nor options have a password. */
export const connect: Connect = connectWith(
  {
    transport: bunTransport,
    decode: decodeText,
    load: loadInline,
    seed: webSeed,
    deferring: () => setImmediate,
    defaults: () => (process.env['REDIS_PASSWORD'] ? { password: process.env['REDIS_PASSWORD'] } : {}),
  },
  factory,
);
