// How much waits in the bridge when one side is slow: counted, against what was allowed. And rates and idle time.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Gate, Rate } from '../../dist/lib/bridge/flow.js';
import { encode, metric, open, startBridge, startRedis, startUpstream, until } from './fixture.mjs';

const MiB = 1024 * 1024;
const bufferBytes = 256 * 1024;
/** What one read of a socket may bring beyond the mark before the other side is stopped. */
const oneRead = 64 * 1024;
const unlimited = { bytesPerSecond: 0, commandsPerSecond: 0, bufferBytes };

let redis;
before(async () => (redis = await startRedis()));
after(() => redis.stop());

/** The most that was seen waiting, until nothing has moved for a while: 40 looks without a byte more. */
async function mostBuffered(bridge, direction) {
  let most = 0;
  let still = 0;
  let passed = -1;
  await until('nothing moves any more', () => {
    most = Math.max(most, metric(bridge, 'buffered_bytes'));
    const now = metric(bridge, `bytes_total{direction="${direction}"}`);
    still = now === passed ? still + 1 : 0;
    passed = now;
    return still >= 40;
  });
  return most;
}

test('a client that does not read holds up the upstream, and little waits here', { timeout: 60_000 }, async () => {
  const { bridge, url, stop } = await startBridge({ upstream: redis.url, ...unlimited });
  try {
    const client = await open(url).opened();
    const value = Buffer.alloc(MiB, 'x');
    for (let i = 0; i < 48; ++i) assert.match(await client.text('XADD', 'big', '*', 'v', value), /^[0-9]+-[0-9]+$/);
    client.received = Buffer.alloc(0);
    let bytes = 0;
    client.ws.removeAllListeners('message');
    client.ws.on('message', (data) => (bytes += data.length));
    client.ws.pause();
    client.send('XREAD', 'COUNT', '100', 'STREAMS', 'big', '0-0');
    await until('the upstream is held up', () => metric(bridge, 'pauses_total{why="client"}') > 0);
    const most = await mostBuffered(bridge, 'down');
    assert.ok(most > 0 && most <= bufferBytes + 3 * oneRead, `${most} bytes waited`);
    client.ws.resume();
    await until('all of it has come', () => bytes > 48 * MiB, 30_000);
    await until('nothing waits', () => metric(bridge, 'buffered_bytes') === 0);
  } finally {
    await stop();
  }
});

test('a client that reads no refusals is not read either, and little waits here', { timeout: 60_000 }, async () => {
  const { bridge, url, stop } = await startBridge({ upstream: redis.url, ...unlimited });
  try {
    const client = await open(url).opened();
    let bytes = 0;
    client.ws.removeAllListeners('message');
    client.ws.on('message', (data) => (bytes += data.length));
    client.ws.pause();
    // More than the system's own buffers take.
    const name = 'N'.repeat(180);
    const message = Buffer.concat(Array.from({ length: 400 }, () => encode(name)));
    const refusal = `-NOPERM the bridge: '${name}' is no command of millrace\r\n`;
    const count = 250;
    for (let i = 0; i < count; ++i) client.ws.send(message);
    const most = await mostBuffered(bridge, 'up');
    assert.ok(most > 0 && most <= bufferBytes + 1000 * refusal.length + 3 * oneRead, `${most} bytes waited`);
    client.ws.resume();
    await until('all of them have come', () => bytes === count * 400 * refusal.length, 30_000);
    await until('nothing waits', () => metric(bridge, 'buffered_bytes') === 0);
  } finally {
    await stop();
  }
});

test('an upstream that does not read holds up the client, and little waits here', { timeout: 60_000 }, async () => {
  let taken = 0;
  const upstream = await startUpstream((socket) => {
    socket.pause();
    socket.on('data', (bytes) => (taken += bytes.length));
    socket.pause();
  });
  const { bridge, url, stop } = await startBridge({ upstream: upstream.url, ...unlimited, shutdownTimeoutMs: 50 });
  try {
    const client = await open(url).opened();
    const command = encode('XADD', 'big', '*', 'v', Buffer.alloc(100_000, 'x'));
    const count = 400;
    for (let i = 0; i < count; ++i) client.ws.send(command);
    await until('the client is held up', () => metric(bridge, 'pauses_total{why="upstream"}') > 0);
    const most = await mostBuffered(bridge, 'up');
    assert.ok(most <= bufferBytes + 2 * command.length + 3 * oneRead, `${most} bytes waited`);
    assert.ok(client.ws.bufferedAmount > MiB, 'the rest waits at the client');
    for (const socket of upstream.sockets) socket.resume();
    await until('all of it has come', () => taken >= count * command.length, 30_000);
    assert.equal(taken, count * command.length);
  } finally {
    await stop();
    await upstream.stop();
  }
});

test('commands without an answer are bounded', async () => {
  let pings = 0;
  const upstream = await startUpstream((socket) => {
    socket.on('data', (bytes) => (pings += String(bytes).split('PING').length - 1));
  });
  const { bridge, url, stop } = await startBridge({ upstream: upstream.url, unanswered: 10, shutdownTimeoutMs: 50 });
  try {
    const client = await open(url).opened();
    for (let i = 0; i < 12; ++i) client.send('PING');
    await until('the client is held up', () => metric(bridge, 'pauses_total{why="unanswered"}') > 0);
    await until('what was read has come', () => pings >= 11);
    const [socket] = upstream.sockets;
    for (let i = 0; i < 12; ++i) socket.write('+PONG\r\n');
    await until('all answers have come', () => String(client.received) === '+PONG\r\n'.repeat(12));
    client.send('PING');
    await until('it is read again', () => pings === 13);
  } finally {
    await stop();
    await upstream.stop();
  }
});

test('a gate stops at the first reason, and goes on after the last', () => {
  const told = [];
  const gate = new Gate(
    () => told.push('stop'),
    () => told.push('go'),
    (why) => told.push(why),
  );
  gate.open('a');
  gate.close('a');
  gate.close('a');
  gate.close('b');
  gate.open('a');
  assert.equal(gate.isClosed, true);
  gate.open('b');
  assert.deepEqual(told, ['a', 'stop', 'b', 'go']);
});

test('a rate lets a second through at once, then makes wait in proportion', () => {
  const rate = new Rate(100, 0);
  assert.equal(rate.take(100, 0), 0);
  assert.equal(rate.take(50, 0), 500);
  assert.equal(rate.take(0, 500), 0);
  assert.equal(rate.take(10, 500), 100);
  assert.equal(rate.take(100, 10_000), 0, 'what is not used is not saved up');
  assert.equal(rate.take(1, 10_000), 10);
  assert.equal(new Rate(0, 0).take(1e9, 0), 0);
});

test('who is faster than its rate waits, and loses nothing', async () => {
  const { bridge, url, stop } = await startBridge({ upstream: redis.url, commandsPerSecond: 50 });
  try {
    const client = await open(url).opened();
    const start = performance.now();
    for (let i = 0; i < 70; ++i) client.send('PING');
    await until('all answers have come', () => String(client.received) === '+PONG\r\n'.repeat(70));
    assert.ok(metric(bridge, 'pauses_total{why="commands"}') > 0);
    // The last of them may be in the message that makes the debt, so only that there was a debt is certain.
    client.send('PING');
    await until('the next answer', () => client.received.length === 71 * 7);
    assert.ok(performance.now() - start >= 300, 'the 71st came no earlier than its turn');
  } finally {
    await stop();
  }
});

test('one message with very many commands keeps to what may be on its way', async () => {
  let bytes = 0;
  const upstream = await startUpstream((socket) => socket.on('data', (more) => (bytes += more.length)));
  const { bridge, url, stop } = await startBridge({ upstream: upstream.url, unanswered: 100, shutdownTimeoutMs: 50 });
  const pings = () => bytes / encode('PING').length;
  try {
    const client = await open(url).opened();
    const count = 5000;
    client.ws.send(Buffer.concat(Array.from({ length: count }, () => encode('PING'))));
    await until('the client is held up', () => metric(bridge, 'pauses_total{why="unanswered"}') > 0);
    await until('what was passed on has come', () => pings() === metric(bridge, 'commands_total'));
    assert.equal(pings(), 101);
    const [socket] = upstream.sockets;
    let answered = 0;
    const answer = () => {
      for (; answered < pings(); ++answered) socket.write('+PONG\r\n');
      return client.received.length === count * 7;
    };
    await until('all answers have come', answer);
    assert.equal(pings(), count);
  } finally {
    await stop();
    await upstream.stop();
  }
});

test('who is slowed down for its rate, or takes a long answer slowly, is not idle', async () => {
  const { url, stop } = await startBridge({ upstream: redis.url, idleMs: 200, bytesPerSecond: MiB });
  try {
    const client = await open(url).opened();
    // Two seconds' worth, of which one is had at once: in each direction more than idleMs is waited.
    assert.match(await client.text('XADD', 'slowly', '*', 'v', Buffer.alloc(1.5 * MiB, 'x')), /^[0-9]+-[0-9]+$/);
    client.send('XRANGE', 'slowly', '-', '+', 'COUNT', '1');
    await until('all of it has come', () => client.closed || client.received.length > 1.5 * MiB);
    assert.equal(client.closed, undefined);
    assert.equal((await client.ends()).code, 4408);
  } finally {
    await stop();
  }
});

test('who asks and asks, and takes nothing of the answers for too long, is closed with the reason', async () => {
  const upstream = await startUpstream((socket) => {
    socket.once('data', () => socket.write(`$${32 * MiB}\r\n${'x'.repeat(32 * MiB)}\r\n`));
  });
  const { url, lines, stop } = await startBridge({ upstream: upstream.url, ...unlimited, idleMs: 300 });
  try {
    const client = await open(url).opened();
    client.ws.pause();
    const { fields } = await until('it is closed', () => {
      client.send('PING');
      return lines.find(({ message }) => message === 'closed');
    });
    assert.deepEqual([fields.code, fields.reason], [4408, 'nothing was taken for 300 ms']);
    client.ws.terminate();
  } finally {
    await stop();
    await upstream.stop();
  }
});

test('who says nothing for too long is closed, with the reason', async () => {
  const { url, stop } = await startBridge({ upstream: redis.url, idleMs: 200 });
  try {
    const start = performance.now();
    assert.deepEqual(await open(url).ends(), { code: 4408, reason: 'nothing was sent for 200 ms' });
    assert.ok(performance.now() - start >= 150);
  } finally {
    await stop();
  }
});
