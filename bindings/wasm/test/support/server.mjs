// A real server of a test's own, on a port that the system had free; and a connection that says what is there.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import net from 'node:net';
import { fileURLToPath } from 'node:url';

const cache = process.env.MILLRACE_CACHE ?? fileURLToPath(new URL('../../../../.cache', import.meta.url));

/** A port that the system had free. */
export async function freePort() {
  const probe = net.createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  probe.close();
  await once(probe, 'close');
  return port;
}

/** Sends commands and reads replies, as tests see the server: arrays, strings, numbers. Errors are thrown. */
export class Wire {
  #socket;
  #bytes = Buffer.alloc(0);
  #wake = () => {};

  static async connect(port) {
    const wire = new Wire();
    wire.#socket = net.connect(port, '127.0.0.1');
    wire.#socket.on('data', (bytes) => {
      wire.#bytes = Buffer.concat([wire.#bytes, bytes]);
      wire.#wake();
    });
    await once(wire.#socket, 'connect');
    return wire;
  }

  async send(...parts) {
    const words = parts.map((part) => (part instanceof Uint8Array ? Buffer.from(part) : Buffer.from(String(part))));
    const head = (word) => [Buffer.from(`$${word.length}\r\n`), word, Buffer.from('\r\n')];
    this.#socket.write(Buffer.concat([Buffer.from(`*${words.length}\r\n`), ...words.flatMap(head)]));
    const [reply] = await this.#reply();
    if (reply instanceof Error) throw reply;
    return reply;
  }

  async #line(at) {
    for (;;) {
      const end = this.#bytes.indexOf('\r\n', at);
      if (end >= 0) return end;
      await new Promise((resolve) => (this.#wake = resolve));
    }
  }

  async #reply(at = 0) {
    const end = await this.#line(at);
    const kind = String.fromCharCode(this.#bytes[at]);
    const text = this.#bytes.toString('utf8', at + 1, end);
    const done = (value, next) => {
      if (at === 0) this.#bytes = this.#bytes.subarray(next);
      return [value, next];
    };
    if (kind === '+') return done(text, end + 2);
    if (kind === '-') return done(new Error(text), end + 2);
    if (kind === ':') return done(Number(text), end + 2);
    const count = Number(text);
    if (count < 0) return done(null, end + 2);
    if (kind === '$') {
      while (this.#bytes.length < end + 4 + count) await new Promise((resolve) => (this.#wake = resolve));
      return done(this.#bytes.toString('utf8', end + 2, end + 2 + count), end + 4 + count);
    }
    const values = [];
    let next = end + 2;
    for (let i = 0; i < count; ++i) {
      const [value, after] = await this.#reply(next);
      values.push(value);
      next = after;
    }
    return done(values, next);
  }

  close() {
    this.#socket.destroy();
  }
}

// Its log says when every port is open. That a connection succeeds would not: it may be another server's, which took the
// port meanwhile; then this one ends, and tries another.
async function startOnFreePort(program, options, attempts = 3) {
  const port = await freePort();
  const words = ['--port', port, '--save', '', '--bind', '127.0.0.1', ...options];
  const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'inherit'] });
  process.once('exit', () => child.kill('SIGKILL'));
  let log = '';
  let ready = false;
  const told = new Promise((resolve, reject) => {
    child.once('error', reject);
    child.stdout.once('end', resolve);
    child.stdout.on('data', (text) => {
      if (ready) return; // what it says later is read, and of no interest
      log += text;
      ready = log.includes('eady to accept connections');
      if (ready) resolve();
    });
  });
  await told;
  if (ready) return [child, port];
  if (attempts > 1) return startOnFreePort(program, options, attempts - 1);
  throw new Error(`${program} did not start: ${log}`);
}

/** Starts a server by its name in the cache (MILLRACE_SERVER names another than 7.0); it ends with the test file. */
export async function startServer(name = process.env.MILLRACE_SERVER ?? 'redis-7.0', options = []) {
  const program = `${cache}/servers/${name}/server`;
  if (!existsSync(program)) throw new Error(`${program} is missing: ./dev servers fetch`);
  const [child, port] = await startOnFreePort(program, options);
  const ended = once(child, 'exit');
  const wire = await Wire.connect(port);
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    wire,
    send: (...parts) => wire.send(...parts),
    async stop() {
      wire.close();
      child.kill();
      await ended;
    },
  };
}

/** Waits until it holds, and says what did not. */
export async function until(what, holds, timeoutMs = 10_000) {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    if (await holds()) return;
    if (Date.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
