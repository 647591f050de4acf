// The loop with a module and a transport that are made up: what real ones do too seldom to be waited for.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { decodeText } from '../../dist/lib/host/host.js';
import { Loop } from '../../dist/lib/host/loop.js';
import { TransportError } from '../../dist/lib/transports/transport.js';

const blockAt = 1024;
const listAt = 4096;
const bytesAt = 8192;
const roomAt = 16384;
const settled = () => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

/** A module whose turns are given, each as its records in words; and what it was told. */
function moduleOf(turns) {
  const bytes = new Uint8Array(65536);
  const words = new Uint32Array(bytes.buffer);
  const doubles = new Float64Array(bytes.buffer);
  const told = [];
  let output = 0;
  const tell =
    (name) =>
    (_, ...given) =>
      void told.push([name, ...given.slice(0, name === 'fed' || name === 'disconnected' ? 2 : 1)]);
  return {
    HEAPU8: bytes,
    told,
    /** When each turn asks for the next one. */
    nextAt: -1,
    /** How many bytes there is room for. */
    room: 1000,
    /** So many bytes are to be sent. */
    queue: (size) => (output += size),
    _mr_turn() {
      const records = turns.shift() ?? [];
      if (records === 'no memory') return 0;
      if (records instanceof Error) throw records;
      let at = blockAt + 8;
      for (const [kind, ...payload] of [...records, [10, 0, 0, 0, 0]]) {
        const size = 8 + ((payload.length * 4 + 7) & ~7);
        words.set([kind, size, ...payload], at >> 2);
        at += size;
      }
      doubles[(at - 16) >> 3] = this.nextAt;
      words[blockAt >> 2] = at - blockAt;
      return blockAt;
    },
    _mr_transmit() {
      words.set([output > 0 ? 1 : 0, bytesAt, output], listAt >> 2);
      return listAt;
    },
    _mr_sent: (_, conn, size) => {
      output -= size;
    },
    _mr_room() {
      return this.room > 0 ? roomAt : 0;
    },
    _mr_room_size() {
      return this.room;
    },
    _mr_fed: tell('fed'),
    _mr_connected: tell('connected'),
    _mr_disconnected: tell('disconnected'),
    _mr_wall: () => undefined,
    destroy: () => told.push(['destroy']),
  };
}

/** A connect record; its deadline in microseconds from now. */
function connectTo(conn, withinUs = 10_000_000) {
  const json = Buffer.from('{"host":"h","port":1}   ');
  const deadline = new Uint32Array(Float64Array.of(performance.now() * 1000 + withinUs).buffer);
  return [5, conn, 0, ...deadline, json.length, 0, ...new Uint32Array(Uint8Array.from(json).buffer)];
}

function loopOf(module, open) {
  const broken = [];
  const listener = { broken: (error) => broken.push(error), event: () => undefined };
  const loop = new Loop(module, 1, { transport: { open }, decode: decodeText, defer: setImmediate }, listener);
  return { loop, broken };
}

/** A loop with one open connection, 3, and what its transport was given. */
async function connected() {
  const module = moduleOf([[connectTo(3)]]);
  let target;
  let closes = 0;
  const { loop } = loopOf(module, async (given) => {
    target = given;
    return { write: () => undefined, close: () => ++closes };
  });
  loop.turnSoon();
  await settled();
  return { module, loop, target, closes: () => closes };
}

test('a turn that throws ends the client with one typed error', async () => {
  const module = moduleOf([new Error('unreachable')]);
  const { loop, broken } = loopOf(module, () => assert.fail('nothing is opened'));
  loop.turnSoon();
  await settled();
  assert.equal(broken.length, 1);
  assert.equal(broken[0].code, 'out_of_memory');
  assert.match(broken[0].message, /unreachable/);
  assert.throws(() => loop.call(() => 1), { code: 'closed' });
  loop.turnSoon();
  await settled();
  assert.equal(broken.length, 1);
});

test('a turn for which there is no memory is taken again', { timeout: 10_000 }, async () => {
  const module = moduleOf(['no memory', [connectTo(7)]]);
  const { loop, broken } = loopOf(module, async () => ({ write: () => undefined, close: () => undefined }));
  loop.turnSoon();
  while (module.told.length === 0) await settled();
  assert.deepEqual([module.told, broken], [[['connected', 7]], []]);
  loop.destroy();
});

test('one write at a time; what is queued meanwhile follows it', async () => {
  const module = moduleOf([[connectTo(7)], [], [[8, 7, 0]]]);
  const writes = [];
  const { loop } = loopOf(module, async () => ({
    write: (bytes) => new Promise((resolve) => writes.push([bytes.length, resolve])),
    close: () => undefined,
  }));
  loop.turnSoon();
  await settled();
  await settled();
  assert.deepEqual(module.told, [['connected', 7]]);
  module.queue(700);
  loop.turnSoon();
  await settled();
  assert.deepEqual(
    writes.map(([size]) => size),
    [700],
  );
  module.queue(300);
  await settled();
  assert.equal(writes.length, 1, 'the first is under way');
  writes[0][1]();
  await settled();
  assert.deepEqual(
    writes.map(([size]) => size),
    [700, 300],
  );
  loop.destroy();
});

test('acks of a long burst go out before it ends, those of a short one with it', async () => {
  const module = moduleOf([[connectTo(7)]]);
  const writes = [];
  const { loop } = loopOf(module, async () => ({
    write: (bytes) => void writes.push(bytes.length),
    close: () => undefined,
  }));
  loop.turnSoon();
  await settled();
  module.queue(10);
  const now = performance.now() * 1000;
  loop.settledSome(now + 1000);
  assert.deepEqual(writes, [10], 'the last turn was long ago');
  module.queue(20);
  loop.settledSome(now + 1010);
  assert.deepEqual(writes, [10], 'the last write was not');
  module.queue(30);
  loop.settledSome(now + 1020);
  assert.deepEqual(writes, [10, 50]);
  loop.destroy();
});

test('a write that throws or rejects ends its connection, and nothing else', async () => {
  const failures = [
    () => {
      throw new TransportError('reset', 'no more');
    },
    () => Promise.reject(new TransportError('reset', 'no more')),
  ];
  for (const write of failures) {
    const module = moduleOf([[connectTo(7)]]);
    let closes = 0;
    let writes = 0;
    const { loop, broken } = loopOf(module, async () => ({
      write: (bytes) => (++writes, write(bytes)),
      close: () => ++closes,
    }));
    loop.turnSoon();
    await settled();
    await settled();
    module.queue(700);
    // As an ack does in the application's code.
    loop.call(() => loop.settledSome(performance.now() * 1000 + 1000));
    module.queue(300);
    await settled();
    assert.deepEqual(module.told, [
      ['connected', 7],
      ['disconnected', 7, 3],
    ]);
    assert.deepEqual({ writes, closes, broken }, { writes: 1, closes: 1, broken: [] });
    loop.destroy();
  }
});

test('what comes is fed by rooms, and nothing after the end', async () => {
  const { module, loop, target, closes } = await connected();
  target.onData(new Uint8Array(2500));
  target.onClose(new TransportError('reset', 'it was reset'));
  target.onData(new Uint8Array(10));
  target.onClose();
  assert.deepEqual(module.told, [
    ['connected', 3],
    ['fed', 3, 1000],
    ['fed', 3, 1000],
    ['fed', 3, 500],
    ['disconnected', 3, 3],
  ]);
  assert.equal(closes(), 1);
  loop.destroy();
});

test('a connection that is not open in time is told as such, and one that comes later is closed', async () => {
  const module = moduleOf([[connectTo(5, 20_000)]]);
  let target;
  let arrive;
  let closes = 0;
  const { loop } = loopOf(module, (given) => {
    target = given;
    return new Promise((resolve) => (arrive = resolve));
  });
  loop.turnSoon();
  while (module.told.length === 0) await settled();
  assert.deepEqual(module.told, [['disconnected', 5, 6]]);
  assert.equal(target.signal.aborted, true);
  arrive({ close: () => ++closes });
  await settled();
  assert.equal(closes, 1);
  assert.equal(module.told.length, 1);
  loop.destroy();
});

test('a connection that is open has no deadline any more', async () => {
  const module = moduleOf([[connectTo(5, 500_000)]]);
  let closes = 0;
  const { loop } = loopOf(module, async () => ({ write: () => undefined, close: () => ++closes }));
  loop.turnSoon();
  await new Promise((resolve) => setTimeout(resolve, 600));
  assert.deepEqual(module.told, [['connected', 5]]);
  assert.equal(closes, 0);
  loop.destroy();
});

test('what is not to be read is not read from its first byte on', async () => {
  const module = moduleOf([[connectTo(5), [7, 5, 0]], [[7, 5, 1]]]);
  const asked = [];
  const { loop } = loopOf(module, async () => ({
    pause: () => asked.push('pause'),
    resume: () => asked.push('resume'),
    close: () => undefined,
  }));
  loop.turnSoon();
  await settled();
  await settled();
  assert.deepEqual(asked, ['pause', 'resume']);
  loop.destroy();
});

test('a connection for whose bytes there is no room is dropped', async () => {
  const { module, loop, target, closes } = await connected();
  module.room = 0;
  target.onData(new Uint8Array(10));
  target.onData(new Uint8Array(10));
  assert.deepEqual(module.told, [
    ['connected', 3],
    ['disconnected', 3, 1],
  ]);
  assert.equal(closes(), 1);
  loop.destroy();
});

test('at the end nothing is left: no connection, none that is being made, no timer', async () => {
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  const before = timers();
  const module = moduleOf([[connectTo(1), connectTo(2)]]);
  module.nextAt = performance.now() * 1000 + 60_000_000;
  const targets = [];
  let closes = 0;
  const { loop } = loopOf(module, (target) => {
    targets.push(target);
    return targets.length === 1 ? Promise.resolve({ write: () => undefined, close: () => ++closes }) : new Promise(() => undefined);
  });
  loop.turnSoon();
  await settled();
  await settled();
  assert.equal(timers(), before + 2, 'of the connection that is being made, and of the next turn');
  loop.destroy();
  assert.deepEqual([closes, targets[1].signal.aborted, timers()], [1, true, before]);
});

test('the reasons of refused connections go to the core by their positions', async () => {
  for (const [reason, position] of [
    ['refused', 2],
    ['dns', 5],
    ['tls_wrong_host', 9],
  ]) {
    const module = moduleOf([[connectTo(1)]]);
    const { loop } = loopOf(module, () => Promise.reject(new TransportError(reason, 'no')));
    loop.turnSoon();
    await settled();
    await settled();
    assert.deepEqual(module.told, [['disconnected', 1, position]]);
    loop.destroy();
  }
});

test('a transport that throws at once is a connection that was reset', async () => {
  const module = moduleOf([[connectTo(1)]]);
  const { loop } = loopOf(module, () => {
    throw new Error('no such thing');
  });
  loop.turnSoon();
  await settled();
  assert.deepEqual(module.told, [['disconnected', 1, 3]]);
  loop.destroy();
  assert.deepEqual(module.told.at(-1), ['destroy']);
});
