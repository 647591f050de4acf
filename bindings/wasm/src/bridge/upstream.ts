// One connection to the upstream, up to where a client's first command may follow: TCP or TLS, the bridge's own
// credentials, the database, and the id that the server gave it. Every failure is one sentence without a secret.
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Upstream } from './settings.js';

export interface UpstreamConnection {
  readonly socket: Socket;
  /** What CLIENT KILL and UNBLOCK name it by; undefined where the bridge's user may not ask. */
  readonly clientId: string | undefined;
}

export type UpstreamReason = 'unreachable' | 'timeout' | 'tls' | 'refused' | 'closed' | 'protocol' | 'cancelled';

export class UpstreamFailure extends Error {
  constructor(
    readonly reason: UpstreamReason,
    message: string,
  ) {
    super(message);
  }
}

const answerMax = 4096;

export async function connectUpstream(
  upstream: Upstream,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<UpstreamConnection> {
  const socket = open(upstream);
  let timer: NodeJS.Timeout | undefined;
  let cancel: (() => void) | undefined;
  const ended = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new UpstreamFailure('timeout', `no answer within ${timeoutMs} ms`)), timeoutMs);
    cancel = () => reject(new UpstreamFailure('cancelled', 'the client has gone'));
    signal?.addEventListener('abort', cancel);
    if (signal?.aborted === true) cancel();
    socket.on('error', (error) => reject(failureOf(error)));
    socket.on('close', () => reject(new UpstreamFailure('closed', 'it closed the connection')));
  });
  try {
    await Promise.race([ended, connected(socket, upstream)]);
    return { socket, clientId: await Promise.race([ended, greet(socket, upstream)]) };
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    clearTimeout(timer);
    if (cancel !== undefined) signal?.removeEventListener('abort', cancel);
    ended.catch(() => undefined);
  }
}

function open(upstream: Upstream): Socket {
  const { host, port, path } = upstream;
  if (path !== undefined) return connectTcp({ path });
  if (!upstream.isTls) return connectTcp({ host, port, noDelay: true, keepAlive: true });
  const isAddress = /^[0-9.]+$|:/.test(upstream.serverName);
  const socket = connectTls({
    ...{ host, port, minVersion: 'TLSv1.2' as const },
    ...(isAddress ? {} : { servername: upstream.serverName }),
    ...(upstream.ca === undefined ? {} : { ca: upstream.ca }),
    ...(upstream.cert === undefined ? {} : { cert: upstream.cert, key: upstream.key }),
  });
  socket.setNoDelay(true);
  socket.setKeepAlive(true);
  return socket;
}

function connected(socket: Socket, upstream: Upstream): Promise<void> {
  return new Promise((resolve) => socket.once(upstream.isTls ? 'secureConnect' : 'connect', resolve));
}

function failureOf(error: Error & { code?: string }): UpstreamFailure {
  const code = error.code ?? '';
  const isTls = /CERT|SSL|TLS|SELF_SIGNED|UNABLE_TO|EPROTO/.test(code);
  return new UpstreamFailure(isTls ? 'tls' : 'unreachable', code === '' ? error.message : `${code}: ${error.message}`);
}

/** AUTH, SELECT and CLIENT ID in one write; in RESP2 their answers are a line each. */
async function greet(socket: Socket, upstream: Upstream): Promise<string | undefined> {
  const asked: string[][] = [];
  if (upstream.password !== '' || upstream.username !== '') {
    asked.push(upstream.username === '' ? ['AUTH', upstream.password] : ['AUTH', upstream.username, upstream.password]);
  }
  if (upstream.database !== 0) asked.push(['SELECT', String(upstream.database)]);
  asked.push(['CLIENT', 'ID']);
  socket.write(asked.map(encode).join(''), 'utf8');
  const answers = await readLines(socket, asked.length);
  let id: string | undefined;
  for (const [i, answer] of answers.entries()) {
    const name = asked[i]?.[0] ?? '';
    if (name === 'CLIENT') {
      id = /^:([0-9]+)$/.exec(answer)?.[1];
    } else if (!answer.startsWith('+')) {
      // The server's text names what it was asked, and never the password.
      throw new UpstreamFailure('refused', `${name} was refused: ${answer.replace(/^-/, '')}`);
    }
  }
  return id;
}

function encode(words: readonly string[]): string {
  return `*${words.length}\r\n` + words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('');
}

function readLines(socket: Socket, count: number): Promise<string[]> {
  return new Promise((resolve, reject) => {
    let text = '';
    const onData = (bytes: Buffer): void => {
      text += bytes.toString('latin1');
      const lines = text.split('\r\n');
      const isDone = lines.length > count;
      if (!isDone && text.length <= answerMax) return;
      socket.off('data', onData);
      socket.pause();
      if (isDone && lines.length === count + 1 && lines[count] === '') return resolve(lines.slice(0, count));
      // An error in place of everything, as at max clients, is all there is.
      const first = lines[0] ?? '';
      const words = first.startsWith('-') ? first.slice(1) : 'it answered what is no RESP';
      reject(new UpstreamFailure(first.startsWith('-') ? 'refused' : 'protocol', words.slice(0, 200)));
    };
    socket.on('data', onData);
  });
}
