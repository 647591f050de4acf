// Sockets that are web streams: read in a loop that can be held up, written one piece at a time.
import { asTransportError } from './transport.js';
import type { Socket, Target } from './transport.js';

/** What a host gives for a connection. */
export interface StreamPair {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
  close(): unknown;
}

/** Makes a socket of a pair of streams that is open already. */
export function pump(pair: StreamPair, target: Target): Socket {
  const reader = pair.readable.getReader();
  const writer = pair.writable.getWriter();
  let isOver = false;
  let go: (() => void) | undefined;
  let hold: Promise<void> | undefined;
  const end = (error?: unknown): void => {
    if (isOver) return;
    isOver = true;
    target.onClose(error === undefined ? undefined : asTransportError(error));
  };
  const read = async (): Promise<void> => {
    while (!isOver) {
      if (hold) await hold;
      const { done, value } = await reader.read();
      if (done) {
        end();
        return;
      }
      if (!isOver) target.onData(value);
    }
  };
  read().catch(end);
  return {
    write: (bytes) => writer.write(bytes).catch(end),
    pause: () => {
      hold ??= new Promise((resolve) => (go = resolve));
    },
    resume: () => {
      hold = undefined;
      go?.();
    },
    close: () => {
      isOver = true;
      go?.();
      // Whatever they say now, nobody listens any more.
      reader.cancel().catch(() => undefined);
      writer.abort().catch(() => undefined);
      void Promise.resolve(pair.close()).catch(() => undefined);
    },
  };
}
