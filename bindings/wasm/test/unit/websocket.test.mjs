// Connections by a WebSocket that is made up: when it is read and written, how it ends, and that nothing of it stays.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { TransportError } from '../../dist/lib/transports/transport.js';
import { webSocketTransport } from '../../dist/lib/transports/websocket.js';

const MiB = 1024 * 1024;

class FakeSocket {
  static last;
  readyState = 0;
  bufferedAmount = 0;
  sent = [];
  closes = [];
  terminated = 0;

  constructor() {
    FakeSocket.last = this;
  }
  send(bytes) {
    this.sent.push(bytes.length);
  }
  close(code) {
    this.closes.push(code);
    if (this.readyState < 2) this.readyState = 2;
  }
  terminate() {
    ++this.terminated;
  }
  opens() {
    this.readyState = 1;
    this.onopen({});
  }
  receives(...bytes) {
    this.onmessage({ data: Uint8Array.from(bytes).buffer });
  }
  ends(code, reason = '') {
    this.readyState = 3;
    this.onclose({ code, reason });
  }
}

/** A connection that is being made; what came, and how it ended. */
function connecting(t) {
  const abort = new AbortController();
  const came = [];
  const ends = [];
  const parts = {};
  const target = {
    ...{ host: 'h', port: 1, signal: abort.signal },
    onData: (bytes) => {
      came.push(...bytes);
      parts.onCame?.();
    },
    onClose: (error) => ends.push(error),
  };
  const opening = webSocketTransport({ url: 'ws://bridge', WebSocket: FakeSocket }).open(target);
  opening.catch(() => undefined);
  t.after(() => FakeSocket.last.readyState === 3 || FakeSocket.last.ends(1000));
  return Object.assign(parts, { abort, came, ends, opening, fake: FakeSocket.last });
}

async function connected(t) {
  const parts = connecting(t);
  parts.fake.opens();
  return { ...parts, socket: await parts.opening };
}

test('what comes while nothing is to be read is kept in its order', async (t) => {
  const parts = connecting(t);
  const { fake, came } = parts;
  fake.opens();
  const socket = await parts.opening;
  fake.receives(1);
  socket.pause();
  fake.receives(2);
  fake.receives(3, 4);
  assert.deepEqual(came, [1]);
  // The first that is read again may be one too many.
  parts.onCame = () => came.length === 2 && socket.pause();
  socket.resume();
  fake.receives(5);
  assert.deepEqual(came, [1, 2]);
  socket.resume();
  assert.deepEqual(came, [1, 2, 3, 4, 5]);
});

test('writes wait while much is not sent yet, and no longer than the connection lives', { timeout: 10_000 }, async (t) => {
  const { socket, fake } = await connected(t);
  assert.equal(socket.write(new Uint8Array(10)), undefined);
  fake.bufferedAmount = 2 * MiB;
  const waiting = socket.write(new Uint8Array(20));
  assert.equal(await Promise.race([waiting, new Promise((resolve) => setTimeout(resolve, 30, 'waits'))]), 'waits');
  fake.bufferedAmount = MiB;
  await waiting;
  fake.bufferedAmount = 2 * MiB;
  const last = socket.write(new Uint8Array(30));
  fake.ends(1006);
  await last;
  assert.deepEqual(fake.sent, [10, 20, 30]);
});

test('a connection that is wanted no more is closed, also while it is made, and tells nothing', async (t) => {
  const early = connecting(t);
  early.abort.abort(new TransportError('dropped', 'wanted no more'));
  await assert.rejects(early.opening, { reason: 'dropped' });
  assert.equal(early.fake.closes.length, 1);
  const { socket, fake, came, ends } = await connected(t);
  socket.close();
  fake.receives(1);
  fake.ends(1000);
  assert.deepEqual([fake.closes, came, ends], [[1000], [], []]);
});

test('a bridge that does not answer the close is left, one that does is not waited for', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const silent = await connected(t);
  silent.socket.close();
  t.mock.timers.tick(1999);
  assert.equal(silent.fake.terminated, 0);
  t.mock.timers.tick(1);
  assert.equal(silent.fake.terminated, 1);
  const answering = await connected(t);
  answering.socket.close();
  answering.fake.ends(1000);
  const gone = await connected(t);
  gone.fake.ends(1006);
  gone.socket.close();
  t.mock.timers.tick(10_000);
  assert.deepEqual([answering.fake.terminated, gone.fake.terminated], [0, 0]);
});

test('how it ended is told: in order, or with the code and the words of the bridge', async (t) => {
  const refused = connecting(t);
  refused.fake.ends(1006);
  await assert.rejects(refused.opening, { reason: 'refused', message: 'the bridge closed the connection: 1006' });
  const orderly = await connected(t);
  orderly.fake.ends(1000);
  assert.deepEqual(orderly.ends, [undefined]);
  const idle = await connected(t);
  idle.fake.ends(4408, 'nothing was sent');
  assert.deepEqual(
    idle.ends.map(({ reason, message }) => [reason, message]),
    [['reset', 'the bridge closed the connection: 4408 nothing was sent']],
  );
});
