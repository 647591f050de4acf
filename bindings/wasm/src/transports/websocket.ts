// Connections through a bridge: one WebSocket for each, binary messages in both directions. Where the connection goes
// is the bridge's to decide.
import { TransportError } from './transport.js';
import type { Socket, Target, Transport } from './transport.js';

/** As much of a WebSocket as is used here: the host's own, or one of a package such as ws. */
export interface WebSocketLike {
  binaryType: string;
  readonly readyState: number;
  readonly bufferedAmount: number;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  send(bytes: Uint8Array): void;
  close(code?: number): void;
  /** Ends it without a word, where there is such a thing. */
  terminate?(): void;
}

/** How to reach a bridge. */
export interface WebSocketOptions {
  /** Of the bridge: `ws://…` or `wss://…`. */
  readonly url: string | URL;
  /** Subprotocols to offer, such as one that carries a token. */
  readonly protocols?: string | readonly string[];
  /** In place of the host's WebSocket. */
  readonly WebSocket?: new (url: string | URL, protocols?: string | string[]) => WebSocketLike;
}

/** Past so many bytes that the browser has not sent yet, writes wait. */
const bufferedMax = 1024 * 1024;
const pollMs = 10;
const normalClosure = 1000;
/** For a bridge to answer a close. */
const closeWaitMs = 2000;

class BridgeSocket implements Socket {
  readonly #socket: WebSocketLike;
  readonly #onData: (bytes: Uint8Array) => void;
  #isPaused = false;
  #kept: Uint8Array[] = [];
  #late: ReturnType<typeof setTimeout> | undefined;
  isClosed = false;

  constructor(socket: WebSocketLike, onData: (bytes: Uint8Array) => void) {
    this.#socket = socket;
    this.#onData = onData;
  }

  receive(bytes: Uint8Array): void {
    if (this.#isPaused) this.#kept.push(bytes);
    else if (!this.isClosed) this.#onData(bytes);
  }

  write(bytes: Uint8Array<ArrayBuffer>): Promise<void> | void {
    if (this.#socket.readyState !== 1) return;
    this.#socket.send(bytes);
    return this.#socket.bufferedAmount > bufferedMax ? this.#untilSent() : undefined;
  }

  // WebSocket has no event for it.
  async #untilSent(): Promise<void> {
    while (!this.isClosed && this.#socket.readyState === 1 && this.#socket.bufferedAmount > bufferedMax) {
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
  }

  // Nothing stops a WebSocket: what comes meanwhile is kept, and what the core had asked for bounds it.
  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    for (const bytes of this.#kept.splice(0)) this.receive(bytes);
  }

  close(): void {
    this.isClosed = true;
    this.#kept = [];
    const socket = this.#socket;
    socket.close(normalClosure);
    // One that is gone without a word answers nothing, and `ws` would keep the process alive for half a minute.
    if (socket.terminate && socket.readyState !== 3) this.#late = setTimeout(() => socket.terminate!(), closeWaitMs);
  }

  /** Its end was told. */
  ended(): void {
    clearTimeout(this.#late);
  }
}

function open(options: WebSocketOptions, target: Target): Promise<Socket> {
  return new Promise((resolve, reject) => {
    target.signal.throwIfAborted();
    if (target.tls) throw new TransportError('tls_failed', 'TLS ends at the bridge: use wss:// and a URL without tls');
    const Kind = options.WebSocket ?? globalThis.WebSocket;
    const socket: WebSocketLike = new Kind(options.url, options.protocols as string[] | undefined);
    socket.binaryType = 'arraybuffer';
    let bridged: BridgeSocket | undefined;
    const abort = (): void => {
      reject(target.signal.reason as Error);
      socket.close();
    };
    target.signal.addEventListener('abort', abort);
    socket.onopen = () => {
      target.signal.removeEventListener('abort', abort);
      bridged = new BridgeSocket(socket, target.onData);
      resolve(bridged);
    };
    socket.onmessage = ({ data }: { data: unknown }) => {
      if (data instanceof ArrayBuffer) bridged?.receive(new Uint8Array(data));
    };
    socket.onclose = ({ code, reason }: { code: number; reason: string }) => {
      target.signal.removeEventListener('abort', abort);
      const words = `the bridge closed the connection: ${code}${reason ? ` ${reason}` : ''}`;
      if (!bridged) reject(new TransportError('refused', words));
      else if (bridged.isClosed) bridged.ended();
      else target.onClose(code === normalClosure ? undefined : new TransportError('reset', words));
    };
    // Browsers say nothing about why; onclose follows.
    socket.onerror = () => undefined;
  });
}

/** Connections through a millrace-bridge, for browsers and every host without sockets. */
export function webSocketTransport(options: WebSocketOptions): Transport {
  return { open: (target) => open(options, target) };
}
