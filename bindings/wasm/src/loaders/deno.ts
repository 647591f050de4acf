// The package in Deno.
import factory from '../glue.mjs';
import { connectWith } from '../connect.js';
import type { Connect } from '../connect.js';
import { decodeText, deferByTimer, webSeed } from '../host/host.js';
import { denoTransport } from '../transports/deno.js';
import { loadInline } from './inline.js';

export * from '../public.js';
export { denoTransport } from '../transports/deno.js';

/** Makes a client. It needs --allow-net, and --allow-read where `tls.*` name files. */
export const connect: Connect = connectWith(
  {
    transport: denoTransport,
    decode: decodeText,
    seed: webSeed,
    deferring: deferByTimer,
    load: loadInline,
    defaults: () => ({}),
  },
  factory,
);
