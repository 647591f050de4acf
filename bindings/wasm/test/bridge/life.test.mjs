// Through a bridge to a real Redis: commands and refusals in turn, transactions, the upstream's failures, leaving, and
// the shutdown. At the end nothing is left at the server.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createServer as createTls } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { encode, freePort, metric, open, startBridge, startRedis, startUpstream, until, whileBridged } from './fixture.mjs';

let redis;
before(async () => (redis = await startRedis()));
after(() => redis.stop());

const withBridge = (options, body) => whileBridged({ upstream: redis.url, ...options }, body);

test('a stream is written, read and acked through the bridge, in RESP3', () =>
  withBridge({ keys: ['orders'] }, async ({ url }) => {
    const client = await open(url).opened();
    client.send('HELLO', '3', 'SETNAME', 'millrace');
    assert.match(await client.reads('$7\r\nmodules\r\n*0\r\n'), /^%7\r\n/);
    assert.equal(await client.line('XGROUP', 'CREATE', 'orders', 'g', '0', 'MKSTREAM'), '+OK');
    const id = await client.text('XADD', 'orders', '*', 'bytes', Buffer.from([0, 13, 10, 255]));
    client.send('XREADGROUP', 'GROUP', 'g', 'c', 'COUNT', '10', 'STREAMS', 'orders', '>');
    assert.ok((await client.reads(Buffer.from([0, 13, 10, 255, 13, 10]))).includes(id));
    assert.equal(await client.line('XACK', 'orders', 'g', id), ':1');
  }));

test('what is denied is answered in its turn, and the connection stays', () =>
  withBridge({ keys: ['orders'], allow: ['tail', 'publish'] }, async ({ url, bridge, lines }) => {
    const client = await open(url).opened();
    client.ws.send(
      Buffer.concat([encode('PING'), encode('GET', 'x'), encode('PING'), encode('XLEN', 'secret'), encode('PING')]),
    );
    const text = await client.reads(
      "+PONG\r\n-NOPERM the bridge: XLEN: key 'secret' is not among those of this token\r\n+PONG\r\n",
    );
    assert.equal(text.split('\r\n')[1], "-NOPERM the bridge: 'GET' is no command of millrace");
    assert.match(
      await client.line('XREADGROUP', 'GROUP', 'g', 'c', 'COUNT', '1', 'STREAMS', 'orders', '>'),
      /^-NOPERM .*consume/,
    );
    assert.equal(metric(bridge, 'commands_denied_total{command="unknown"}'), 1);
    assert.equal(metric(bridge, 'commands_total'), 3);
    assert.equal(lines.filter(({ message }) => message === 'command denied').length, 3);
    // As a server does: one command that is refused and nothing of the transaction happens.
    assert.equal(await client.line('MULTI'), '+OK');
    assert.equal(await client.line('XADD', 'orders:t', '*', 'a', 'b'), '+QUEUED');
    assert.match(await client.line('XADD', 'secret', '*', 'a', 'b'), /^-NOPERM/);
    assert.match(await client.line('EXEC'), /^-EXECABORT/);
    assert.equal(await client.line('XLEN', 'orders:t'), ':0');
    assert.equal(await client.line('PING'), '+PONG');
    // Beside a subscription answers could not be told from what comes unasked.
    client.send('SUBSCRIBE', 'orders');
    await client.reads(':1\r\n');
    client.send('MULTI');
    assert.match(await client.reads('subscribed\r\n'), /-NOPERM the bridge: MULTI: not on a connection that has/);
  }));

test('a connection is killed and unblocked by its own client alone', () =>
  withBridge(
    {
      tokens: [
        { name: 'a', token: 'token-of-the-first' },
        { name: 'b', token: 'token-of-the-other' },
      ],
    },
    async ({ url }) => {
      const as = (token) => open(url, { offers: [], headers: { authorization: `Bearer ${token}` } }).opened();
      const [first, second, other] = [
        await as('token-of-the-first'),
        await as('token-of-the-first'),
        await as('token-of-the-other'),
      ];
      const id = (await first.line('CLIENT', 'ID')).slice(1);
      assert.match(await other.line('CLIENT', 'KILL', 'ID', id), /^-NOPERM/);
      const session = await open(url, {
        offers: ['millrace.v1', 'millrace.session.other'],
        headers: { authorization: 'Bearer token-of-the-first' },
      }).opened();
      assert.match(await session.line('CLIENT', 'KILL', 'ID', id), /^-NOPERM/, 'another session of the same token');
      first.send('XREAD', 'COUNT', '1', 'BLOCK', '20000', 'STREAMS', 'quiet', '0-0');
      await until('it is unblocked', async () => (await second.line('CLIENT', 'UNBLOCK', id)) === ':1');
      assert.equal(await first.reads('\r\n'), '*-1\r\n');
      assert.equal(await second.line('CLIENT', 'KILL', 'ID', id), ':1');
      assert.equal((await first.ends()).code, 4502);
    },
  ));

test('text, no RESP and what is too large end the connection with words', () =>
  withBridge({ messageBytes: 2000 }, async ({ url }) => {
    const ends = async (send) => {
      const client = await open(url).opened();
      send(client);
      return client.ends();
    };
    assert.equal((await ends((client) => client.ws.send('PING'))).code, 1003);
    const bad = await ends((client) => client.ws.send(Buffer.from('GET / HTTP/1.1\r\n')));
    assert.deepEqual(bad, { code: 1002, reason: "no RESP command: 'G' where '*' must be" });
    assert.equal((await ends((client) => client.ws.send(Buffer.alloc(3000)))).code, 1009);
    const split = await ends((client) => {
      client.ws.send(Buffer.from('*2\r\n$4\r\nPING\r\n$5000\r\n'));
    });
    assert.equal(split.code, 1009);
    assert.match(split.reason, /2000 are allowed/);
  }));

test('a client that leaves leaves nothing at the server, a blocked read neither', () =>
  withBridge({}, async ({ url, bridge }) => {
    const watcher = connect(redis.port, '127.0.0.1');
    const clients = () =>
      new Promise((resolve) => {
        watcher.write('CLIENT LIST\r\n');
        watcher.once('data', (bytes) =>
          resolve(
            String(bytes)
              .split('\n')
              .filter((line) => line.startsWith('id=')).length,
          ),
        );
      });
    const alone = await clients();
    for (const leave of ['close', 'terminate']) {
      const client = await open(url).opened();
      client.send('XREAD', 'COUNT', '1', 'BLOCK', '60000', 'STREAMS', 'quiet', '0-0');
      await until('it is at the server', async () => (await clients()) === alone + 1);
      client.ws[leave]();
      await until('it is gone there', async () => (await clients()) === alone);
      await until('and here', () => bridge.connections === 0);
    }
    watcher.destroy();
  }));

test('an upstream that is gone, refuses, is silent, or sends no RESP is told by code and words', async () => {
  const ends = async (options, send) => {
    const { url, lines, stop } = await startBridge(options);
    try {
      const client = open(url);
      if (send !== undefined) (await client.opened()).send(send);
      return { ...(await client.ends()), log: JSON.stringify(lines) };
    } finally {
      await stop();
    }
  };
  const gone = await ends({ upstream: `redis://127.0.0.1:${await freePort()}` });
  assert.equal(gone.code, 4503);
  assert.match(gone.reason, /can't be reached \(unreachable\)/);
  assert.match(gone.log, /ECONNREFUSED/);
  const refused = await ends({ upstream: { url: redis.url, username: 'nobody', password: 'a-secret-word' } });
  assert.deepEqual([refused.code, refused.reason], [4504, 'the upstream refused the bridge']);
  assert.match(refused.log, /WRONGPASS/);
  assert.ok(!refused.log.includes('a-secret-word'));
  const silent = await startUpstream(() => undefined);
  const http = await startUpstream((socket) => socket.on('data', () => socket.write('HTTP/1.1 400 Bad Request\r\n')));
  const closing = await startUpstream((socket) => socket.on('data', () => socket.end('+hello\r\n')));
  try {
    assert.equal((await ends({ upstream: http.url }, 'PING')).reason, 'the upstream sent what is no RESP');
    const client = await ends({ upstream: closing.url }, 'PING');
    assert.deepEqual([client.code, client.reason], [4502, 'the upstream closed the connection']);
    const slow = await ends({ upstream: { url: silent.url.replace('redis:', 'rediss:') }, connectTimeoutMs: 100 });
    assert.equal(slow.code, 4503);
    assert.match(slow.reason, /timeout|tls/);
  } finally {
    await Promise.all([silent.stop(), http.stop(), closing.stop()]);
  }
});

test('who leaves while the upstream is silent leaves no connection there, nor does a bridge that ends', async () => {
  const sockets = new Set();
  const silent = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    socket.resume();
  });
  await new Promise((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const upstream = `redis://127.0.0.1:${silent.address().port}`;
  const { url, bridge, stop } = await startBridge({ upstream, connectTimeoutMs: 60_000 });
  try {
    const client = await open(url).opened();
    await until('the upstream is asked', () => sockets.size === 1);
    client.ws.terminate();
    await until('it is gone there', () => sockets.size === 0);
    const other = await open(url).opened();
    await until('the upstream is asked again', () => sockets.size === 1);
    await bridge.close();
    assert.equal(bridge.connections, 0, 'it ends when the last has gone');
    assert.equal((await other.ends()).code, 1012);
    await until('the other is gone there', () => sockets.size === 0);
  } finally {
    await stop();
    silent.close();
  }
});

test('an upstream that greets without an end is given up', async () => {
  const endless = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.write('+'.repeat(8192));
  });
  await new Promise((resolve) => endless.listen(0, '127.0.0.1', resolve));
  const upstream = `redis://127.0.0.1:${endless.address().port}`;
  await whileBridged({ upstream, connectTimeoutMs: 60_000 }, async ({ url }) => {
    assert.equal((await open(url).ends()).reason, "the upstream can't be reached (protocol)");
  });
  endless.close();
});

test('the upstream dies under a client and comes back', async () => {
  let server = await startRedis();
  const { url, http, bridge, stop } = await startBridge({ upstream: server.url, connectTimeoutMs: 500 });
  try {
    const client = await open(url).opened();
    assert.equal(await client.line('PING'), '+PONG');
    await server.stop();
    assert.equal((await client.ends()).code, 4502);
    await until('it is not ready', async () => (await fetch(`${http}/readyz`)).status === 503);
    assert.equal((await fetch(`${http}/livez`)).status, 200);
    assert.equal(metric(bridge, 'upstream_connections'), 0);
  } finally {
    await stop();
    await server.stop();
  }
});

test('the bridge brings password, user and database; a unix socket is as good', { timeout: 30_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bridge-'));
  const path = join(folder, 'redis.sock');
  const password = 'the-secret-of-redis';
  const user = ['--user', 'worker', 'on', `>${password}`, '~orders', '+xadd', '+xlen', '+select'];
  const server = await startRedis('redis-7.0', '--requirepass', password, '--unixsocket', path, ...user);
  try {
    const upstreams = [
      { url: `${server.url}/3`, password },
      { url: `${server.url}/3`, username: 'worker', password },
      { url: server.url.replace('redis://', `redis://worker:${password}@`) },
      { url: `unix://${path}`, password },
    ];
    const lengths = [];
    for (const upstream of upstreams) {
      await withBridge({ upstream }, async ({ url, lines, http }) => {
        const client = await open(url).opened();
        await client.text('XADD', 'orders', '*', 'a', 'b');
        lengths.push(await client.line('XLEN', 'orders'));
        assert.equal((await fetch(`${http}/readyz`)).status, 200);
        assert.ok(!JSON.stringify(lines).includes(password));
      });
    }
    assert.deepEqual(lengths, [':1', ':2', ':1', ':2'], 'two in database 3, two in 0');
  } finally {
    await server.stop();
    rmSync(folder, { recursive: true });
  }
});

test('TLS to the upstream is verified: the right name and authority, or nothing', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bridge-'));
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const subject = ['-subj', '/CN=redis.test', '-addext', 'subjectAltName=DNS:redis.test'];
  execFileSync(
    'openssl',
    ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-keyout', key, '-out', cert, ...subject],
    { stdio: 'ignore' },
  );
  const ca = readFileSync(cert, 'utf8');
  const tls = createTls({ key: readFileSync(key), cert: ca }, (socket) => {
    const behind = connect(redis.port, '127.0.0.1');
    for (const each of [socket, behind]) each.on('error', () => undefined);
    socket.pipe(behind).pipe(socket);
  });
  tls.on('tlsClientError', () => undefined);
  await new Promise((resolve) => tls.listen(0, '127.0.0.1', resolve));
  const upstreamUrl = `rediss://127.0.0.1:${tls.address().port}`;
  try {
    await withBridge({ upstream: { url: upstreamUrl, ca, serverName: 'redis.test' } }, async ({ url }) => {
      assert.equal(await (await open(url).opened()).line('PING'), '+PONG');
    });
    for (const wrong of [{ serverName: 'redis.test' }, { ca, serverName: 'other.test' }]) {
      await withBridge({ upstream: { url: upstreamUrl, ...wrong } }, async ({ url, lines }) => {
        const { code, reason } = await open(url).ends();
        assert.equal(code, 4503);
        assert.match(reason, /\(tls\)/, JSON.stringify(lines));
      });
    }
  } finally {
    await new Promise((resolve) => tls.close(resolve));
    rmSync(folder, { recursive: true });
  }
});

test('shutdown answers what was asked, tells clients to come again, lets nobody in', async () => {
  const { bridge, url, http, stop } = await startBridge({ upstream: redis.url });
  const client = await open(url).opened();
  client.send('XREAD', 'COUNT', '1', 'BLOCK', '300', 'STREAMS', 'quiet', '0-0');
  await until('it is asked', () => metric(bridge, 'commands_total') === 1);
  const closing = bridge.close();
  const late = open(url);
  await until('the late one is refused', () => late.refused);
  assert.deepEqual(late.refused, { status: 503, text: 'the bridge shuts down; come again in a moment\n' });
  assert.equal((await fetch(`${http}/readyz`)).status, 503);
  assert.deepEqual(await client.ends(), { code: 1012, reason: 'the bridge restarts' });
  assert.equal(String(client.received), '*-1\r\n');
  await closing;
  assert.equal(bridge.connections, 0);
  await stop();
});

test('shutdown waits no longer than its deadline, for the upstream or for a client that reads nothing', async () => {
  const { bridge, url, stop } = await startBridge({ upstream: redis.url, shutdownTimeoutMs: 100 });
  const client = await open(url).opened();
  client.send('XREAD', 'COUNT', '1', 'BLOCK', '60000', 'STREAMS', 'quiet', '0-0');
  const deaf = await open(url).opened();
  deaf.ws.pause();
  await until('it is asked', () => metric(bridge, 'commands_total') === 1);
  await bridge.close();
  assert.equal((await client.ends()).code, 1012);
  deaf.ws.terminate();
  await stop();
});

test('metrics are what promtool takes', async (t) => {
  const cached = fileURLToPath(new URL('../../../../.cache/promtool/promtool', import.meta.url));
  const promtool = existsSync(cached) ? cached : 'promtool';
  await withBridge({}, async ({ url, http }) => {
    const client = await open(url).opened();
    await client.line('PING');
    await client.line('GET', 'x');
    const text = await (await fetch(`${http}/metrics`)).text();
    assert.match(text, /millrace_bridge_connections 1\n/);
    assert.match(text, /millrace_bridge_bytes_total\{direction="up"\} [1-9]/);
    try {
      execFileSync(promtool, ['check', 'metrics'], { input: text });
    } catch (error) {
      if (error.code === 'ENOENT') return t.diagnostic('no promtool here: scripts/promtool.sh fetches it');
      throw error;
    }
  });
});
