// One connection that the core asked for: opening it in time, one write at a time, and nothing told of it once it is
// over.
import type { DisconnectReason } from '../module.js';
import type { ConnectOrder } from './records.js';
import { toldOf, TransportError } from '../transports/transport.js';
import type { Socket, Target, Transport } from '../transports/transport.js';

/** What a connection tells the loop, and asks of it. */
export interface ConnectionOwner {
  connected(connection: Connection): void;
  /** `words`: what the transport said, where that is more than the reason. */
  disconnected(connection: Connection, reason: DisconnectReason, words?: string): void;
  received(connection: Connection, bytes: Uint8Array): void;
  /** Bytes to send now, the connection's own; none when there are none. */
  takeOutput(connection: Connection): Uint8Array<ArrayBuffer> | undefined;
}

export class Connection {
  readonly id: number;
  readonly #owner: ConnectionOwner;
  readonly #opening = new AbortController();
  #socket: Socket | undefined;
  #isOver = false;
  #isWriting = false;
  #isReadable = true;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(id: number, owner: ConnectionOwner) {
    this.id = id;
    this.#owner = owner;
  }

  /** Opens it, within the given milliseconds. */
  open(transport: Transport, order: ConnectOrder, withinMs: number): void {
    this.#timer = setTimeout(
      () => {
        this.#end({ reason: 'timeout' });
      },
      Math.max(0, withinMs),
    );
    const target: Target = {
      ...order,
      signal: this.#opening.signal,
      onData: (bytes) => {
        if (!this.#isOver) this.#owner.received(this, bytes);
      },
      onClose: (error) => {
        this.#end(error === undefined ? { reason: 'closed' } : toldOf(error));
      },
    };
    // A transport that throws at once is no different from one that rejects.
    new Promise<Socket>((resolve) => resolve(transport.open(target))).then(
      (socket) => this.#opened(socket),
      (error: unknown) => this.#end(toldOf(error)),
    );
  }

  #opened(socket: Socket): void {
    if (this.#isOver) {
      socket.close();
      return;
    }
    clearTimeout(this.#timer);
    this.#socket = socket;
    if (!this.#isReadable) socket.pause();
    this.#owner.connected(this);
    this.write();
  }

  #end({ reason, words }: { reason: DisconnectReason; words?: string }): void {
    if (this.#isOver) return;
    this.close();
    this.#owner.disconnected(this, reason, words);
  }

  /** Sends what there is, unless a write is still under way; then what there is follows it. */
  write(): void {
    while (this.#socket && !this.#isOver && !this.#isWriting) {
      const bytes = this.#owner.takeOutput(this);
      if (!bytes) return;
      const written = this.#attempt(this.#socket, bytes);
      if (!written) continue;
      this.#isWriting = true;
      written.then(
        () => {
          this.#isWriting = false;
          this.write();
        },
        (error: unknown) => this.#end(toldOf(error)),
      );
    }
  }

  /** A transport that throws is no fault of whoever acks just now: it is as one that rejects. */
  #attempt(socket: Socket, bytes: Uint8Array<ArrayBuffer>): Promise<void> | void {
    try {
      return socket.write(bytes);
    } catch (error) {
      return Promise.reject(error as Error);
    }
  }

  setReadable(wanted: boolean): void {
    if (this.#isReadable === wanted) return;
    this.#isReadable = wanted;
    if (wanted) this.#socket?.resume();
    else this.#socket?.pause();
  }

  /** Ends it; nothing more is told of it. */
  close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#opening.abort(new TransportError('dropped', 'the connection is wanted no more'));
    this.#socket?.close();
  }
}
