// Connections by cloudflare:sockets. TLS is the platform's: it checks against the authorities that browsers know, and
// takes neither others nor a client's certificate.
import { connect } from 'cloudflare:sockets';

import { pump } from './pump.js';
import { asTransportError, TransportError } from './transport.js';
import type { Socket, Target, TlsSettings, Transport } from './transport.js';

function checkTls(settings: TlsSettings, host: string): void {
  const given = (['ca', 'cert', 'key'] as const).find((name) => settings[name] !== '');
  if (given) throw new TransportError('tls_failed', `tls.${given}: Workers take no certificates of one's own`);
  if (!settings.verify) throw new TransportError('tls_failed', 'tls.verify: Workers always verify');
  if (settings.serverName !== host) {
    throw new TransportError('tls_failed', 'tls.server_name: Workers check the name that is connected to');
  }
}

async function open(target: Target): Promise<Socket> {
  if (target.unixPath) throw new TransportError('unreachable', 'Workers have no unix sockets');
  if (target.tls) checkTls(target.tls, target.host);
  const socket = connect(
    { hostname: target.host, port: target.port },
    { secureTransport: target.tls ? 'on' : 'off', allowHalfOpen: false },
  );
  // Both reject when it could not be opened; one of them is looked at.
  socket.closed.catch(() => undefined);
  const abort = (): void => void socket.close().catch(() => undefined);
  target.signal.addEventListener('abort', abort);
  try {
    await socket.opened;
  } catch (error) {
    throw asTransportError(error);
  } finally {
    target.signal.removeEventListener('abort', abort);
  }
  return pump(socket, target);
}

/** TCP of Workers, with TLS where it is asked for. */
export const workersTransport: Transport = { open };
