// Connections by Bun.connect. A write takes what the system takes; the rest is kept and goes out on `drain`.
import { asTransportError, TransportError } from './transport.js';
import type { Socket, Target, TlsSettings, Transport } from './transport.js';

async function pem(what: string, text: string): Promise<string | undefined> {
  if (text === '' || text.includes('-----BEGIN')) return text || undefined;
  try {
    return await Bun.file(text).text();
  } catch {
    throw new TransportError('tls_failed', `tls.${what}: '${text}' can't be read`);
  }
}

async function secureOptions(settings: TlsSettings): Promise<object> {
  const { serverName, verify } = settings;
  const entries = await Promise.all(
    (['ca', 'cert', 'key'] as const).map(async (name) => [name, await pem(name, settings[name])] as const),
  );
  const files = Object.fromEntries(entries.filter(([, text]) => text !== undefined));
  return { tls: { serverName, rejectUnauthorized: verify, ...files } };
}

/** One connection, and what of its last write is not out yet. */
class Connection implements Socket {
  readonly #socket: BunSocket;
  #rest: Uint8Array | undefined;
  #wrote: (() => void) | undefined;
  isClosed = false;

  constructor(socket: BunSocket) {
    this.#socket = socket;
  }

  write(bytes: Uint8Array<ArrayBuffer>): Promise<void> | void {
    if (this.isClosed) return;
    const taken = Math.max(0, this.#socket.write(bytes));
    if (taken === bytes.length) return;
    this.#rest = bytes.subarray(taken);
    return new Promise((resolve) => (this.#wrote = resolve));
  }

  drain(): void {
    if (!this.#rest) return;
    const taken = Math.max(0, this.#socket.write(this.#rest));
    this.#rest = taken < this.#rest.length ? this.#rest.subarray(taken) : undefined;
    if (!this.#rest) this.#done();
  }

  #done(): void {
    const wrote = this.#wrote;
    this.#wrote = undefined;
    wrote?.();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  close(): void {
    this.end();
    this.#socket.terminate();
  }

  end(): void {
    this.isClosed = true;
    this.#rest = undefined;
    this.#done();
  }
}

function handlers(target: Target, resolve: (socket: Socket) => void, reject: (error: unknown) => void): Bun.Handlers {
  let connection: Connection | undefined;
  let failure: unknown;
  let abort = (): void => undefined;
  const ready = (socket: BunSocket): void => {
    target.signal.removeEventListener('abort', abort);
    if (!target.unixPath) socket.setNoDelay(true);
    connection = new Connection(socket);
    resolve(connection);
  };
  return {
    open: (socket) => {
      abort = () => socket.terminate();
      if (target.signal.aborted) return abort();
      if (!target.tls) return ready(socket);
      // A server that says nothing would have us wait for ever.
      target.signal.addEventListener('abort', abort);
    },
    handshake: (socket, success, error) => {
      if (!target.tls || connection) return;
      if (error && target.tls.verify) {
        reject(asTransportError(error));
        socket.terminate();
      } else if (success || !target.tls.verify) {
        ready(socket);
      } else {
        reject(new TransportError('tls_failed', 'the TLS handshake failed'));
        socket.terminate();
      }
    },
    data: (_, bytes) => {
      if (connection && !connection.isClosed) target.onData(bytes);
    },
    drain: () => connection?.drain(),
    error: (_, error) => {
      failure ??= error;
    },
    connectError: (_, error) => reject(asTransportError(error)),
    close: (_, error) => {
      target.signal.removeEventListener('abort', abort);
      failure ??= error;
      const reason = failure ? asTransportError(failure) : undefined;
      if (!connection) {
        reject(reason ?? new TransportError('closed', 'the connection was closed before it was ready'));
      } else if (!connection.isClosed) {
        connection.end();
        target.onClose(reason);
      }
    },
  };
}

async function open(target: Target): Promise<Socket> {
  const where = target.unixPath ? { unix: target.unixPath } : { hostname: target.host, port: target.port };
  const secure = target.tls ? await secureOptions(target.tls) : {};
  return new Promise((resolve, reject) => {
    Bun.connect({ ...where, ...secure, socket: handlers(target, resolve, reject) }).catch((error: unknown) =>
      reject(asTransportError(error)),
    );
  });
}

/** TCP, TLS and unix sockets of Bun. `tls.ca`, `tls.cert` and `tls.key` are paths of PEM files, or PEM itself. */
export const bunTransport: Transport = { open };
