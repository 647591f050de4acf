// The package in browsers, and wherever no other condition fits: connections go through a bridge, by WebSocket.
import factory from '../glue.mjs';
import { connectWith } from '../connect.js';
import type { Connect } from '../connect.js';
import { decodeText, deferByTimer, edgeDefaults, webSeed } from '../host/host.js';
import { TransportError } from '../transports/transport.js';
import { loadInline } from './inline.js';

export * from '../public.js';

/** Where this runs in Node after all, as in tests of a page, a port that is listened to keeps the process alive. */
interface Port extends MessagePort {
  ref?(): void;
  unref?(): void;
}

/** By a message to itself: browsers hold up timers that follow each other, to 4 ms or to a second in the background. */
function deferByMessage(): (task: () => void) => void {
  const { port1, port2 }: { port1: Port; port2: MessagePort } = new MessageChannel();
  let tasks: (() => void)[] = [];
  port1.onmessage = () => {
    const due = tasks;
    tasks = [];
    port1.unref?.();
    for (const task of due) task();
  };
  port1.unref?.();
  return (task) => {
    if (tasks.push(task) > 1) return;
    port1.ref?.();
    port2.postMessage(0);
  };
}

/** Makes a client. There are no sockets here: the option `transport` says how the server is reached, such as
 * `webSocketTransport({ url: 'wss://…' })`. */
export const connect: Connect = connectWith(
  {
    transport: {
      open: () =>
        Promise.reject(
          new TransportError('unreachable', 'this host has no sockets; connect with a webSocketTransport'),
        ),
    },
    decode: decodeText,
    seed: webSeed,
    // Functions at the edge have no MessageChannel, and do not hold timers up.
    deferring: () => (typeof MessageChannel === 'function' ? deferByMessage() : deferByTimer()),
    load: loadInline,
    defaults: () => edgeDefaults,
  },
  factory,
);
