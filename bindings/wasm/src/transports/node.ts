// Connections by Node's net and tls, which are loaded with the first one: they take longer to load than the whole
// client. Reads go through one buffer a connection, so that no bytes are allocated for them.
import type * as fs from 'node:fs';
import type * as net from 'node:net';
import type * as tls from 'node:tls';

import { builtin } from './builtin.js';
import { asTransportError, TransportError } from './transport.js';
import type { Socket, Target, TlsSettings, Transport } from './transport.js';

type Net = typeof net;
type TlsModule = typeof tls;
type Fs = typeof fs;

const readSize = 128 * 1024;

/** Text that is PEM already stays; anything else is the path of a file. */
function pem({ readFileSync }: Fs, what: string, text: string): string | undefined {
  if (text === '') return undefined;
  if (text.includes('-----BEGIN')) return text;
  try {
    return readFileSync(text, 'utf8');
  } catch {
    throw new TransportError('tls_failed', `tls.${what}: '${text}' can't be read`);
  }
}

function secureOptions(settings: TlsSettings, raw: net.Socket, kinds: [Net, TlsModule, Fs]): tls.ConnectionOptions {
  const [{ isIP }, { checkServerIdentity }, files] = kinds;
  const ca = pem(files, 'ca', settings.ca);
  const cert = pem(files, 'cert', settings.cert);
  const key = pem(files, 'key', settings.key);
  return {
    socket: raw,
    rejectUnauthorized: settings.verify,
    minVersion: 'TLSv1.2',
    // An address is no name for SNI, but is checked against the certificate all the same.
    ...(isIP(settings.serverName) === 0 ? { servername: settings.serverName } : {}),
    checkServerIdentity: (_, certificate) => checkServerIdentity(settings.serverName, certificate),
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
}

class NodeSocket implements Socket {
  #stream: net.Socket;
  #closed = false;

  constructor(stream: net.Socket) {
    this.#stream = stream;
  }

  get closed(): boolean {
    return this.#closed;
  }

  write(bytes: Uint8Array<ArrayBuffer>): Promise<void> | void {
    if (this.#stream.write(bytes)) return;
    return new Promise((resolve) => {
      const done = (): void => {
        this.#stream.off('drain', done).off('close', done);
        resolve();
      };
      this.#stream.on('drain', done).on('close', done);
    });
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  close(): void {
    this.#closed = true;
    this.#stream.destroy();
  }
}

function dial({ connect }: Net, target: Target, isTaken: () => boolean): net.Socket {
  const where = target.unixPath ? { path: target.unixPath } : { host: target.host, port: target.port };
  if (target.tls) return connect(where as net.NetConnectOpts);
  const onread: net.OnReadOpts = {
    buffer: new Uint8Array(readSize),
    callback: (bytes, buffer) => {
      if (isTaken()) target.onData((buffer as Uint8Array).subarray(0, bytes));
      return true;
    },
  };
  return connect({ ...where, onread } as net.NetConnectOpts);
}

async function open(target: Target): Promise<Socket> {
  const netModule = await builtin('node:net');
  const tlsModule = target.tls && (await builtin('node:tls'));
  const files = await builtin('node:fs');
  return new Promise((resolve, reject) => {
    target.signal.throwIfAborted();
    let socket: NodeSocket | undefined;
    let failure: unknown;
    const raw = dial(netModule, target, () => socket !== undefined && !socket.closed);
    let stream = raw;
    const abort = (): void => void stream.destroy();
    const ready = (): void => {
      target.signal.removeEventListener('abort', abort);
      raw.setNoDelay(true);
      socket = new NodeSocket(stream);
      resolve(socket);
    };
    const ended = (): void => {
      target.signal.removeEventListener('abort', abort);
      const reason = failure === undefined ? undefined : asTransportError(failure);
      if (!socket) reject(reason ?? new TransportError('closed', 'the connection was closed before it was ready'));
      else if (!socket.closed) target.onClose(reason);
    };
    const watch = (each: net.Socket): void => {
      each.on('error', (error) => (failure ??= error));
      each.on('close', ended);
    };
    target.signal.addEventListener('abort', abort);
    if (!target.tls || !tlsModule) {
      watch(raw);
      raw.on('connect', ready);
      return;
    }
    const settings = target.tls;
    raw.on('error', (error) => (failure ??= error));
    raw.once('close', () => stream === raw && ended());
    raw.once('connect', () => {
      try {
        stream = tlsModule.connect(secureOptions(settings, raw, [netModule, tlsModule, files]));
      } catch (error) {
        failure = error;
        raw.destroy();
        return;
      }
      watch(stream);
      stream.on('secureConnect', ready);
      stream.on('data', (bytes: Buffer) => void (socket && !socket.closed && target.onData(bytes)));
    });
  });
}

/** TCP, TLS and unix sockets of Node. `tls.ca`, `tls.cert` and `tls.key` are paths of PEM files, or PEM itself. */
export const nodeTransport: Transport = { open };
