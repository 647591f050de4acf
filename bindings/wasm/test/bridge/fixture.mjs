// What the tests of the bridge share: a real Redis 7.0 of their own, a bridge on a free port, and a client that speaks
// raw RESP over a WebSocket. Everything started here is ended by the test that started it. Waiting is for a condition,
// with a deadline.
import { spawn } from 'node:child_process';
import { createServer as createHttp } from 'node:http';
import { createServer, connect } from 'node:net';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import WebSocket from 'ws';
import { createBridge } from '../../dist/lib/bridge/index.js';

const root = fileURLToPath(new URL('../../../../', import.meta.url));
export const token = 'a-token-of-the-tests';
export const deadlineMs = 10_000;

export async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Asks again and again, until it is so; says what was not, when time is up. */
export async function until(what, isSo, withinMs = deadlineMs) {
  const end = Date.now() + withinMs;
  for (;;) {
    const found = await isSo();
    if (found) return found;
    if (Date.now() > end) throw new Error(`not within ${withinMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export async function startRedis(name = 'redis-7.0', ...flags) {
  const cache = process.env.MILLRACE_CACHE ?? `${root}.cache`;
  const binary = `${cache}/servers/${name}/server`;
  if (!existsSync(binary)) throw new Error(`no ${binary}: ./dev servers fetch`);
  const port = await freePort();
  const words = ['--port', String(port), '--save', '', '--bind', '127.0.0.1', ...flags];
  const child = spawn(binary, words, { stdio: 'ignore' });
  const gone = new Promise((resolve) => child.once('exit', resolve));
  await until('Redis listens', () => accepts(port));
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    pid: child.pid,
    async stop() {
      child.kill('SIGKILL');
      await gone;
    },
  };
}

export function accepts(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => (socket.destroy(), resolve(true)));
    socket.once('error', () => resolve(false));
  });
}

/** A bridge on a port of its own; its log lines are kept. */
export async function startBridge(options) {
  const started = { lines: [], port: 0 };
  let server;
  const start = async () => {
    const log = (line) => started.lines.push(line);
    const tokens = [{ name: 'tests', token }];
    started.bridge = createBridge({ keys: ['*'], tokens, shutdownTimeoutMs: 3_000, log, ...options });
    server = createHttp();
    started.bridge.attach(server);
    await new Promise((resolve) => server.listen(started.port, '127.0.0.1', resolve));
    started.port = server.address().port;
  };
  started.stop = async () => {
    await started.bridge.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  /** Another one on the same port. */
  started.restart = async () => {
    await started.stop();
    await start();
  };
  await start();
  started.url = `ws://127.0.0.1:${started.port}/`;
  started.http = `http://127.0.0.1:${started.port}`;
  return started;
}

/** Calls `body` with a bridge that ends with it. */
export async function whileBridged(options, body) {
  const started = await startBridge(options);
  try {
    await body(started);
  } finally {
    await started.stop();
  }
}

export function encode(...words) {
  const parts = words.map((word) => (Buffer.isBuffer(word) ? word : Buffer.from(String(word))));
  return Buffer.concat([
    Buffer.from(`*${parts.length}\r\n`),
    ...parts.flatMap((part) => [Buffer.from(`$${part.length}\r\n`), part, Buffer.from('\r\n')]),
  ]);
}

/** `offers` are subprotocols, `headers` those of the request. */
export function open(url, { offers, headers } = {}) {
  const protocols = offers ?? ['millrace.v1', `millrace.token.${Buffer.from(token).toString('base64url')}`];
  return new Client(new WebSocket(url, protocols, { headers, perMessageDeflate: false }));
}

export class Client {
  received = Buffer.alloc(0);
  /** Of a refusal: its status and its words. */
  refused = undefined;
  closed = undefined;

  constructor(ws) {
    this.ws = ws;
    ws.on('message', (data) => (this.received = Buffer.concat([this.received, data])));
    ws.on('error', () => undefined);
    ws.on('unexpected-response', (_, response) => {
      let text = '';
      response.on('data', (bytes) => (text += bytes));
      response.on('end', () => ((this.refused = { status: response.statusCode, text }), ws.terminate()));
    });
    ws.on('close', (code, reason) => (this.closed = { code, reason: String(reason) }));
  }

  async opened() {
    await until('the WebSocket opens', () => this.ws.readyState === WebSocket.OPEN || this.refused || this.closed);
    const why = JSON.stringify(this.refused ?? this.closed);
    if (this.ws.readyState !== WebSocket.OPEN) throw new Error(`not opened: ${why}`);
    return this;
  }

  send(...words) {
    this.ws.send(encode(...words));
  }

  /** What has come, from where the last call ended, once it ends like this. */
  async reads(end) {
    await until(`an answer with ${JSON.stringify(end)}`, () => this.received.includes(end));
    const at = this.received.indexOf(end) + Buffer.byteLength(end);
    const text = this.received.subarray(0, at).toString('latin1');
    this.received = this.received.subarray(at);
    return text;
  }

  /** One command whose answer is a text. */
  async text(...words) {
    const size = Number((await this.line(...words)).slice(1));
    return (await this.reads('\r\n')).slice(0, size);
  }

  /** One command whose answer is one line. */
  async line(...words) {
    this.send(...words);
    return (await this.reads('\r\n')).slice(0, -2);
  }

  async ends() {
    return until('the WebSocket is closed', () => this.closed);
  }
}

/** A server in Redis' place. It greets the bridge by itself; what else it says is `talk(socket)`'s. */
export async function startUpstream(talk) {
  const sockets = new Set();
  const server = createServer({ allowHalfOpen: false }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
    socket.once('data', () => {
      socket.write(':1\r\n');
      talk(socket);
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    sockets,
    url: `redis://127.0.0.1:${server.address().port}`,
    async stop() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A register's value, by its line without the prefix. */
export function metric(bridge, line) {
  const found = bridge
    .metrics()
    .split('\n')
    .find((each) => each.startsWith(`millrace_bridge_${line} `));
  return found === undefined ? 0 : Number(found.split(' ').at(-1));
}
