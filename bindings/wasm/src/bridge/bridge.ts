// The bridge: an HTTP server's upgrades made into connections to one Redis, and the pages beside them (/livez, /readyz,
// /metrics, and GET on its own path: would I be let in?). Owns who is connected, the idle clock and the shutdown.
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { performance } from 'node:perf_hooks';
import { WebSocketServer } from 'ws';
import type { Grant } from './commands.js';
import { Connection, type ConnectionOwner } from './connection.js';
import { Door, pathOf, protocolName, type Answer, type Counts } from './door.js';
import type { Level } from './log.js';
import { Metrics } from './metrics.js';
import { checked, type BridgeOptions, type Settings, type TokenOptions } from './settings.js';
import { connectUpstream, UpstreamFailure } from './upstream.js';

/** A look at the upstream is good for so long: probes by several come at once. */
const readyForMs = 1_000;
/** For a client that was refused to take the words. */
const refusedForMs = 2_000;
const reasons: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  429: 'Too Many Requests',
  503: 'Service Unavailable',
};

export interface Bridge {
  /** Takes the server's upgrades and answers the bridge's own paths on it; every other request is left alone. */
  attach(server: Server): void;
  /** For a server's 'upgrade' event, where attach does not fit. */
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** True: it was one of the bridge's paths, and is answered. */
  handleRequest(request: IncomingMessage, response: ServerResponse): boolean;
  /** Prometheus text. */
  metrics(): string;
  /** Whether the upstream answers: undefined, or why not. */
  whyNotReady(): Promise<string | undefined>;
  readonly connections: number;
  /** From now on these tokens are the ones; who is connected stays. */
  replaceTokens(tokens: readonly TokenOptions[]): void;
  /** Lets nobody in any more, answers what was asked, tells all to come again, and ends when the last has gone. */
  close(): Promise<void>;
}

/** Throws BadOptions. Opens nothing yet. */
export function createBridge(options: BridgeOptions): Bridge {
  return new WebSocketBridge(checked(options));
}

class WebSocketBridge implements Bridge, ConnectionOwner, Counts {
  readonly registers = new Metrics();
  private readonly door: Door;
  private readonly all_ = new Set<Connection>();
  private readonly webSockets: WebSocketServer;
  private isStopping = false;
  private nextId = 1;
  private idleClock: NodeJS.Timeout | undefined;
  private looked: { readonly at: number; readonly answer: Promise<string | undefined> } | undefined;
  private closing: Promise<void> | undefined;

  constructor(readonly settings: Settings) {
    this.door = new Door(settings);
    this.webSockets = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      maxPayload: settings.messageBytes,
      perMessageDeflate: false,
      handleProtocols: (offered) => (offered.has(protocolName) ? protocolName : false),
    });
    const each = (read: (one: Connection) => number) => () => [...this.all_].reduce((sum, one) => sum + read(one), 0);
    this.registers.measure('connections', () => this.all_.size);
    this.registers.measure(
      'buffered',
      each((one) => one.bufferedBytes),
    );
    this.registers.measure('stopping', () => (this.isStopping ? 1 : 0));
  }

  get connections(): number {
    return this.all_.size;
  }

  // Of Counts.
  get all(): number {
    return this.all_.size;
  }
  ofToken(name: string): number {
    return this.count((one) => one.who.token === name);
  }
  ofAddress(address: string): number {
    return this.count((one) => one.who.address === address);
  }
  private count(fits: (one: Connection) => boolean): number {
    let count = 0;
    for (const one of this.all_) if (fits(one)) ++count;
    return count;
  }

  attach(server: Server): void {
    server.on('upgrade', (request, socket, head) => this.handleUpgrade(request, socket, head));
    server.on('request', (request, response) => {
      // Another handler of the server may have answered, with its own 404 for example.
      if (!response.headersSent) this.handleRequest(request, response);
    });
  }

  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => socket.destroy());
    const answer = this.admit(request);
    if (!('pass' in answer)) {
      const { status, words } = answer;
      const text = `${words}\n`;
      // Who does not close its side in turn has no hold on ours.
      setTimeout(() => socket.destroy(), refusedForMs).unref();
      socket.end(
        `HTTP/1.1 ${status} ${reasons[status] ?? ''}\r\nConnection: close\r\n` +
          `Content-Type: text/plain; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(text)}\r\n` +
          `${status === 401 ? 'WWW-Authenticate: Bearer\r\n' : ''}\r\n${text}`,
      );
      return;
    }
    const { pass, address, client } = answer;
    this.webSockets.handleUpgrade(request, socket, head, (ws) => {
      const grant: Grant = {
        ...{ roles: pass.roles, keys: pass.keys, database: this.settings.upstream.database },
        ownsClient: (id) => this.count((one) => one.who.client === client && one.clientId === id) > 0,
      };
      const who = { id: this.nextId++, token: pass.name, address, client };
      this.registers.add('accepted');
      this.log('info', 'connected', { connection: who.id, token: who.token, address });
      this.all_.add(new Connection(ws, grant, who, this));
      this.watchIdle();
    });
  }

  handleRequest(request: IncomingMessage, response: ServerResponse): boolean {
    const path = pathOf(request);
    if (path === '/livez') return respond(response, 200, 'alive');
    if (path === '/metrics') {
      response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }).end(this.metrics());
      return true;
    }
    if (path === '/readyz') {
      void this.whyNotReady().then((why) => respond(response, why === undefined ? 200 : 503, why ?? 'ready'));
      return true;
    }
    if (!this.door.isOurPath(request)) return false;
    // A page's WebSocket is told no reason; this is where it can ask for one. It holds no secret, so every page may.
    response.setHeader('access-control-allow-origin', '*');
    if (request.method === 'OPTIONS') {
      response.setHeader('access-control-allow-headers', 'authorization');
      return respond(response, 204, '');
    }
    const answer = this.admit(request);
    if ('pass' in answer) return respond(response, 200, 'you may connect, with a WebSocket');
    return respond(response, answer.status, answer.words);
  }

  metrics(): string {
    return this.registers.text();
  }

  whyNotReady(): Promise<string | undefined> {
    if (this.isStopping) return Promise.resolve('the bridge shuts down');
    const now = performance.now();
    if (this.looked === undefined || now - this.looked.at > readyForMs) {
      this.looked = { at: now, answer: this.look() };
    }
    return this.looked.answer;
  }

  replaceTokens(tokens: readonly TokenOptions[]): void {
    checked({ upstream: 'redis://unused', keys: ['*'], tokens });
    this.door.replaceTokens(tokens);
  }

  close(): Promise<void> {
    return (this.closing ??= this.stop());
  }

  // Of ConnectionOwner.
  ended(connection: Connection): void {
    this.all_.delete(connection);
    if (this.all_.size > 0) return;
    clearInterval(this.idleClock);
    this.idleClock = undefined;
  }
  log(level: Level, message: string, fields: Readonly<Record<string, string | number>>): void {
    this.settings.log({ level, message, fields });
  }

  private admit(request: IncomingMessage): Answer {
    const answer = this.door.admit(request, this, this.isStopping);
    if ('pass' in answer) return answer;
    this.registers.add('refused', 1, answer.reason);
    const address = request.socket.remoteAddress ?? '';
    const { origin = '' } = request.headers;
    this.log('warn', 'refused', { status: answer.status, why: answer.words, address, origin: origin.slice(0, 200) });
    return answer;
  }

  private watchIdle(): void {
    const { idleMs } = this.settings;
    this.idleClock ??= setInterval(
      () => {
        for (const one of this.all_) one.endIfIdle(performance.now());
      },
      Math.min(1_000, idleMs / 4),
    ).unref();
  }

  private async look(): Promise<string | undefined> {
    try {
      (await connectUpstream(this.settings.upstream, this.settings.connectTimeoutMs)).socket.destroy();
      return undefined;
    } catch (error) {
      if (!(error instanceof UpstreamFailure)) throw error;
      return `the upstream can't be used (${error.reason})`;
    }
  }

  private async stop(): Promise<void> {
    this.isStopping = true;
    const { shutdownTimeoutMs } = this.settings;
    const left = [...this.all_];
    for (const one of left) one.drain(shutdownTimeoutMs);
    await Promise.all(left.map((one) => one.ended));
    this.webSockets.close();
  }
}

function respond(response: ServerResponse, status: number, words: string): true {
  if (response.headersSent) return true; // by another handler, while we asked the upstream
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(words === '' ? '' : `${words}\n`);
  return true;
}
