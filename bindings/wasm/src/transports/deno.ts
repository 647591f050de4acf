// Connections by Deno.connect and Deno.connectTls. rustls checks certificates; it can't be told not to.
import { pump } from './pump.js';
import { asTransportError, TransportError } from './transport.js';
import type { Socket, Target, TlsSettings, Transport } from './transport.js';

async function pem(what: string, text: string): Promise<string | undefined> {
  if (text === '' || text.includes('-----BEGIN')) return text || undefined;
  try {
    return await Deno.readTextFile(text);
  } catch {
    throw new TransportError('tls_failed', `tls.${what}: '${text}' can't be read`);
  }
}

async function dialTls(target: Target, settings: TlsSettings): Promise<DenoConnection> {
  if (!settings.verify) throw new TransportError('tls_failed', 'tls.verify: Deno always verifies');
  const { serverName } = settings;
  const [ca, cert, key] = await Promise.all([
    pem('ca', settings.ca),
    pem('cert', settings.cert),
    pem('key', settings.key),
  ]);
  const authorities = ca === undefined ? {} : { caCerts: [ca] };
  let connection: DenoConnection;
  if (serverName === target.host) {
    const client = cert === undefined || key === undefined ? {} : { cert, key };
    connection = await Deno.connectTls({ hostname: target.host, port: target.port, ...authorities, ...client });
  } else {
    if (cert !== undefined) {
      throw new TransportError('tls_failed', 'tls.cert: in Deno it does not go together with tls.server_name');
    }
    const plain = await Deno.connect({ hostname: target.host, port: target.port });
    connection = await Deno.startTls(plain, { hostname: serverName, ...authorities });
  }
  await shakeHands(connection, target.signal);
  return connection;
}

function end(connection: DenoConnection): void {
  try {
    connection.close();
  } catch {
    // It was closed already, by its streams or for its handshake.
  }
}

/** Connected means that the certificate was checked. A handshake that nobody ends would keep the process alive. */
async function shakeHands(connection: DenoConnection, signal: AbortSignal): Promise<void> {
  const close = (): void => end(connection);
  signal.addEventListener('abort', close);
  if (signal.aborted) close();
  try {
    await connection.handshake?.();
  } catch (error) {
    close();
    throw error;
  } finally {
    signal.removeEventListener('abort', close);
  }
}

function dial(target: Target): Promise<DenoConnection> {
  if (target.unixPath) return Deno.connect({ transport: 'unix', path: target.unixPath });
  if (target.tls) return dialTls(target, target.tls);
  return Deno.connect({ hostname: target.host, port: target.port });
}

async function open(target: Target): Promise<Socket> {
  let connection: DenoConnection;
  try {
    connection = await dial(target);
  } catch (error) {
    throw asTransportError(error);
  }
  if (target.signal.aborted) {
    end(connection);
    throw new TransportError('timeout', 'it took too long');
  }
  if (!target.unixPath) connection.setNoDelay?.(true);
  return pump(
    {
      readable: connection.readable,
      writable: connection.writable,
      close: () => end(connection),
    },
    target,
  );
}

/** TCP, TLS and unix sockets of Deno. `tls.ca`, `tls.cert` and `tls.key` are paths of PEM files, or PEM itself. */
export const denoTransport: Transport = { open };
