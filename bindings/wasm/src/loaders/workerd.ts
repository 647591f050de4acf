// The package in Cloudflare's Workers: the platform compiles the .wasm that is imported here, and nothing but that is
// kept at global scope.
import wasm from '../millrace.wasm';

import factory from '../glue.mjs';
import { connectWith } from '../connect.js';
import type { Connect } from '../connect.js';
import { decodeText, deferByTimer, edgeDefaults, webSeed } from '../host/host.js';
import { workersTransport } from '../transports/workers.js';

export * from '../public.js';
export { workersTransport } from '../transports/workers.js';

/** Makes a client, of one request or event: sockets end with it. One lane, and a name under a lease. */
export const connect: Connect = connectWith(
  {
    transport: workersTransport,
    decode: decodeText,
    seed: webSeed,
    deferring: deferByTimer,
    load: () => Promise.resolve(wasm),
    defaults: () => edgeDefaults,
  },
  factory,
);
