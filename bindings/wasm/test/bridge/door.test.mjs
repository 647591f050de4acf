// Who comes in, and what the others are told: before the upgrade, by status and words, and to a page that asks by GET.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { Duplex } from 'node:stream';
import { after, before, test } from 'node:test';
import { createBridge } from '../../dist/lib/bridge/index.js';
import { open, startRedis, token, until, whileBridged } from './fixture.mjs';

let redis;
before(async () => (redis = await startRedis()));
after(() => redis.stop());

const named = (text) => `millrace.token.${Buffer.from(text).toString('base64url')}`;

async function refusal(url, options) {
  const client = open(url, options);
  await until('it is refused', () => client.refused);
  return client.refused;
}

const withBridge = (options, body) => whileBridged({ upstream: redis.url, ...options }, body);

test('a token opens, as a subprotocol and as a header', () =>
  withBridge({}, async ({ url }) => {
    const first = await open(url).opened();
    assert.equal(first.ws.protocol, 'millrace.v1');
    assert.equal(await first.line('PING'), '+PONG');
    const second = await open(url, { offers: [], headers: { authorization: `Bearer ${token}` } }).opened();
    assert.equal(await second.line('PING'), '+PONG');
  }));

test('no token, a wrong one and a wrong path are refused in words, and reach no Redis', () =>
  withBridge({}, async ({ url, bridge, lines }) => {
    const none = await refusal(url, { offers: ['millrace.v1'] });
    assert.equal(none.status, 401);
    assert.match(none.text, /^a token is wanted/);
    const wrong = await refusal(url, { offers: ['millrace.v1', named('not-the-token-of-tests')] });
    assert.deepEqual(wrong, { status: 401, text: 'this token is not known here\n' });
    assert.equal((await refusal(`${url}elsewhere`)).status, 404);
    assert.equal((await refusal(url, { offers: ['mqtt'] })).status, 400);
    assert.equal(bridge.connections, 0);
    assert.match(bridge.metrics(), /millrace_bridge_refused_total\{reason="token"\} 2\n/);
    assert.match(bridge.metrics(), /millrace_bridge_upstream_connections 0\n/);
    const said = JSON.stringify(lines);
    assert.ok(!said.includes('not-the-token-of-tests') && !said.includes(token), said);
  }));

test('pages come from listed origins alone', () =>
  withBridge({ origins: ['https://app.example'] }, async ({ url }) => {
    const refused = await refusal(url, { headers: { origin: 'https://evil.example' } });
    assert.equal(refused.status, 403);
    assert.match(refused.text, /Origin/);
    const listed = await open(url, { headers: { origin: 'https://app.example' } }).opened();
    assert.equal(await listed.line('PING'), '+PONG');
    assert.equal((await refusal(url, { headers: { origin: 'https://app.example.evil.example' } })).status, 403);
    assert.equal((await refusal(url, { headers: { origin: 'null' } })).status, 403);
  }));

test('a page asks by GET why it was refused', () =>
  withBridge({ origins: ['https://app.example'] }, async ({ http }) => {
    const ask = async (headers) => {
      const response = await fetch(`${http}/`, { headers });
      assert.equal(response.headers.get('access-control-allow-origin'), '*');
      return [response.status, await response.text()];
    };
    assert.deepEqual(await ask({ authorization: `Bearer ${token}` }), [200, 'you may connect, with a WebSocket\n']);
    const wrong = await ask({ authorization: 'Bearer not-the-token-of-tests' });
    assert.deepEqual(wrong, [401, 'this token is not known here\n']);
    const preflight = await fetch(`${http}/`, { method: 'OPTIONS' });
    assert.equal(preflight.headers.get('access-control-allow-headers'), 'authorization');
  }));

test('connections are limited: in all, of a token, of an address', async () => {
  await withBridge({ connections: 1 }, async ({ url }) => {
    const first = await open(url).opened();
    assert.equal((await refusal(url)).status, 503);
    first.ws.close();
    await first.ends();
    await until('there is room again', async () => {
      const again = open(url);
      await until('an answer', () => again.refused || again.ws.readyState === 1);
      return again.refused === undefined;
    });
  });
  await withBridge({ connectionsPerToken: 1 }, async ({ url }) => {
    await open(url).opened();
    assert.match((await refusal(url)).text, /this token has its 1 connections/);
  });
  await withBridge({ connectionsPerAddress: 1 }, async ({ url }) => {
    await open(url).opened();
    const refused = await refusal(url);
    assert.equal(refused.status, 429);
    assert.match(refused.text, /your address/);
  });
});

test('who is refused and does not hang up is hung up on', { timeout: 20_000 }, () =>
  withBridge({}, async ({ port }) => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    let text = '';
    socket.on('data', (bytes) => (text += bytes));
    socket.on('error', () => undefined);
    const head = 'Host: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n';
    socket.write(
      `GET / HTTP/1.1\r\n${head}Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${'A'.repeat(22)}==\r\n\r\n`,
    );
    await until('the refusal', () => text.includes('a token is wanted'));
    let isGone = false;
    await until('it is gone there', () => {
      socket.write('x', (error) => (isGone ||= Boolean(error)));
      return isGone;
    });
    socket.destroy();
  }),
);

test('who is refused and resets the connection meanwhile ends nothing', async () => {
  const bridge = createBridge({ upstream: redis.url, keys: ['*'], tokens: [{ name: 'tests', token }] });
  const socket = new Duplex({ read: () => undefined, write: (_, __, done) => done() });
  bridge.handleUpgrade({ url: '/', headers: {}, socket: {} }, socket, Buffer.alloc(0));
  socket.emit('error', new Error('ECONNRESET'));
  assert.ok(socket.destroyed);
  await bridge.close();
});

test('a token may have keys and roles of its own', () => {
  const tokens = [
    { name: 'all', token: 'token-of-the-first' },
    { name: 'some', token: 'token-of-the-other', allow: ['tail'], keys: ['orders'] },
  ];
  return withBridge({ tokens, keys: ['*'] }, async ({ url }) => {
    const as = (text) => open(url, { offers: ['millrace.v1', named(text)] }).opened();
    const some = await as('token-of-the-other');
    assert.match(await some.line('XLEN', 'secret'), /^-NOPERM .* not among those of this token$/);
    assert.match(await some.line('XADD', 'orders', '*', 'a', 'b'), /^-NOPERM .* tokens with publish/);
    assert.equal(await some.line('XLEN', 'orders'), ':0');
    const all = await as('token-of-the-first');
    assert.equal(await all.line('XLEN', 'secret'), ':0');
    assert.match(await all.text('XADD', 'orders', '*', 'a', 'b'), /^[0-9]+-[0-9]+$/);
  });
});

test('tokens are replaced while it runs; who is in stays', () =>
  withBridge({}, async ({ url, bridge }) => {
    const old = await open(url).opened();
    for (const wrong of [[], [{ name: 'short', token: 'short' }], [{ name: 'x', token: 'a-token-of-tests', allow: ['all'] }]]) {
      assert.throws(() => bridge.replaceTokens(wrong), { code: 'bad_config' });
    }
    assert.equal(await (await open(url).opened()).line('PING'), '+PONG', 'what is wrong has changed nothing');
    bridge.replaceTokens([{ name: 'new', token: 'another-token-of-tests' }]);
    assert.equal((await refusal(url)).status, 401);
    const fresh = await open(url, { offers: ['millrace.v1', named('another-token-of-tests')] }).opened();
    assert.equal(await fresh.line('PING'), '+PONG');
    assert.equal(await old.line('PING'), '+PONG');
  }));

test('what contradicts itself is refused before anybody comes', () => {
  const tokens = [{ name: 'tests', token }];
  const wrong = [
    [{ tokens, open: true }, /^tokens: there are some, and 'open' says that none is wanted$/],
    [{ tokens, upstream: { url: 'redis://redis', serverName: 'redis' } }, /the URL is not rediss:/],
  ];
  for (const [options, message] of wrong) {
    assert.throws(() => createBridge({ upstream: 'redis://redis', keys: ['*'], ...options }), { code: 'bad_config', message });
  }
});

test('on a server whose own handler answers everything the bridge answers nothing a second time', async (t) => {
  const bridge = createBridge({ upstream: redis.url, keys: ['*'], open: true, path: '/redis' });
  const server = createServer((_, response) => response.writeHead(404).end('mine'));
  bridge.attach(server);
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(async () => {
    await bridge.close();
    server.closeAllConnections();
    server.close();
  });
  const failures = [];
  const failed = (error) => failures.push(error.message);
  process.prependListener('uncaughtException', failed);
  t.after(() => process.off('uncaughtException', failed));
  for (const path of ['livez', 'readyz', 'metrics', 'redis', 'else']) {
    const answer = await fetch(`http://127.0.0.1:${server.address().port}/${path}`);
    assert.deepEqual([answer.status, await answer.text()], [404, 'mine']);
  }
  assert.deepEqual(failures, []);
});
