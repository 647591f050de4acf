// A consumer on a real server, as an application uses it.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { connect, MillraceError } from 'millrace';

import { clientFor } from './support/client.mjs';
import { freePort, startServer, until } from './support/server.mjs';

let server;
before(async () => {
  server = await startServer();
});
after(() => server.stop());

const quick = { flushInterval: 0 };
const pendingOf = async (stream, group) => (await server.send('XPENDING', stream, group))[0];
const isError = (code) => (error) => {
  assert.ok(error instanceof MillraceError, String(error));
  assert.equal(error.code, code, error.message);
  assert.notEqual(error.advice, '');
  return true;
};

async function fill(stream, count) {
  const ids = [];
  for (let i = 0; i < count; ++i) ids.push(await server.send('XADD', stream, '*', 'n', i));
  return ids;
}

/** Takes batches until so many entries have come. */
async function take(source, count) {
  const batches = [];
  for (let got = 0; got < count;) {
    const batch = await source.next({ timeoutMs: 10_000 });
    assert.ok(batch, `${got} of ${count} entries came`);
    got += batch.length;
    batches.push(batch);
  }
  return batches;
}

test('a burst comes in batches of batchSize, each acked as a whole', async (t) => {
  const ids = await fill('burst', 20);
  const client = await clientFor(t, server.url, { batchSize: 5 });
  const consumer = client.consumer({ stream: 'burst', group: 'g', consumer: 'me' });
  const seen = [];
  for await (const batch of consumer) {
    assert.equal(batch.length, 5);
    assert.equal(batch.reason, 'size');
    for (const entry of batch) {
      assert.equal(entry.stream, 'burst');
      assert.equal(entry.deliveries, 1);
      seen.push([entry.id, entry.get('n')]);
    }
    batch.ack();
    assert.equal(batch.settled, true);
    await batch.confirmed();
    if (seen.length === 20) break;
  }
  assert.deepEqual(
    seen,
    ids.map((id, i) => [id, String(i)]),
  );
  assert.equal(await pendingOf('burst', 'g'), 0);
  assert.equal(consumer.isOpen, false);
  assert.equal(consumer.name, 'me');
});

test('entries are acked by id or by themselves, and the rest stays pending', async (t) => {
  const ids = await fill('partial', 6);
  const client = await clientFor(t, server.url, quick);
  const consumer = client.consumer({
    stream: 'partial',
    group: 'g',
    consumer: 'me',
    batchSize: 6,
    flushInterval: 5000,
  });
  const [batch] = await take(consumer, 6);
  batch.ack([ids[1], batch.at(3)]);
  batch.ack(ids[0]);
  await batch.confirmed();
  const left = await server.send('XPENDING', 'partial', 'g', '-', '+', 10);
  assert.deepEqual(
    left.map(([id]) => id),
    [ids[2], ids[4], ids[5]],
  );
  assert.throws(() => batch.ack('1-1'), isError('bad_argument'));
  assert.throws(() => batch.ack(ids[0]), isError('not_held'));
  batch.ack();
  await batch.confirmed();
  assert.equal(await pendingOf('partial', 'g'), 0);
  assert.throws(() => batch.ack(), isError('not_held'));
});

test('of a batch that was settled entry by entry nothing is left to ack, which is no error', async (t) => {
  const ids = await fill('piecewise', 2);
  const client = await clientFor(t, server.url, quick);
  const consumer = client.consumer({ stream: 'piecewise', group: 'g', batchSize: 2, flushInterval: 5000 });
  const [batch] = await take(consumer, 2);
  batch.reject('of a bad kind', ids[0]);
  batch.ack(ids[1]);
  batch.ack();
  assert.throws(() => batch.ack(), isError('not_held'));
});

test('what is nacked comes again, counted', async (t) => {
  await fill('nacked', 2);
  const client = await clientFor(t, server.url, quick);
  const consumer = client.consumer({ stream: 'nacked', group: 'g', batchSize: 2, flushInterval: 5000 });
  const [first] = await take(consumer, 2);
  first.nack(first.at(1), { delayMs: 10 });
  first.ack();
  const [again] = await take(consumer, 1);
  assert.equal(again.at(0).id, first.at(1).id);
  assert.equal(again.at(0).deliveries, 2);
  again.ack();
  await again.confirmed();
  assert.throws(() => again.nack(undefined, { delayMs: -1 }), isError('bad_argument'));
});

test('what is rejected is a dead letter, and can be put back', async (t) => {
  const [id] = await fill('rejected', 1);
  const client = await clientFor(t, server.url, quick);
  const dead = new Promise((resolve) => client.on('deadLettered', resolve));
  const consumer = client.consumer({ stream: 'rejected', group: 'g', consumer: 'me' });
  const [batch] = await take(consumer, 1);
  batch.reject(new Error('no such item'));
  const told = await dead;
  assert.equal(told.id, id);
  assert.equal(told.deadStream, '{rejected}:dead');
  const letters = await client.dead('rejected');
  assert.equal(letters.length, 1);
  assert.equal(letters[0].error, 'no such item');
  assert.deepEqual(letters[0].fields, [['n', '0']]);
  const [result] = await client.redrive(
    'rejected',
    letters.map((letter) => letter.deadId),
  );
  assert.equal(result.error, undefined);
  const [again] = await take(consumer, 1);
  assert.equal(again.at(0).id, result.id);
  assert.equal(again.at(0).get('n'), '0');
  again.ack();
  await again.confirmed();
});

test('groups are created, moved and destroyed', async (t) => {
  await fill('grouped', 2);
  const client = await clientFor(t, server.url);
  assert.equal(await client.createGroup('grouped', 'g', { at: '$' }), true);
  assert.equal(await client.createGroup('grouped', 'g'), false);
  await assert.rejects(client.moveGroup('grouped', 'g', { since: new Date('gone') }), isError('bad_argument'));
  const [group] = await server.send('XINFO', 'GROUPS', 'grouped');
  assert.notEqual(group[group.indexOf('last-delivered-id') + 1], '0-0', 'no date is not the beginning');
  assert.equal(await client.moveGroup('grouped', 'g', { since: new Date(0) }), true);
  assert.equal((await server.send('XREADGROUP', 'GROUP', 'g', 'c', 'STREAMS', 'grouped', '>'))[0][1].length, 2);
  assert.equal(await client.destroyGroup('grouped', 'g'), true);
  assert.equal(await client.destroyGroup('grouped', 'g'), false);
});

test('a drain waits for what is in hand, and tells what is left', async (t) => {
  await fill('drained', 10);
  const client = await connect(server.url);
  const consumer = client.consumer({ stream: 'drained', group: 'g', consumer: 'me', batchSize: 2 });
  const batch = await consumer.next();
  const draining = client.drain({ timeoutMs: 5000 });
  assert.equal(await consumer.next(), undefined);
  batch.ack();
  assert.equal(await draining, 0);
  assert.throws(() => client.consumer({ stream: 'drained' }), isError('closed'));
  await client.close();
  const info = await server.send('XPENDING', 'drained', 'g', '-', '+', 10);
  assert.ok(!info.some(([id]) => id === batch.at(0).id));
});

test('what a drain ends is closed at once, and tells what stays pending', async (t) => {
  await fill('drained-away', 4);
  const client = await clientFor(t, server.url, quick);
  const consumer = client.consumer({ stream: 'drained-away', group: 'g', consumer: 'me' });
  await take(consumer, 4);
  assert.equal(await client.drain({ timeoutMs: 50 }), 4);
  const since = performance.now();
  assert.equal(await consumer.close(), 4);
  assert.ok(performance.now() - since < 1000, 'it waited for an end that was told already');
  assert.equal(consumer.isOpen, false);
});

test('a consumer that begins again and again under its name, with much read ahead, always ends', async (t) => {
  const ids = await fill('again', 200);
  const client = await clientFor(t, server.url, { ...quick, batchSize: 5 });
  const seen = new Set();
  while (seen.size < ids.length) {
    const consumer = client.consumer({ stream: 'again', group: 'g', consumer: 'me' });
    for (let i = 0; i < 2; ++i) {
      const [batch] = await take(consumer, 1);
      for (const entry of batch) seen.add(entry.id);
      batch.ack();
    }
    await consumer.close({ timeoutMs: 60_000 });
  }
  assert.deepEqual([...seen].sort(), ids.sort());
});

test('a close that the server does not answer tells what is held, and acks without an answer are closed', async (t) => {
  const gone = await startServer();
  for (let i = 0; i < 3; ++i) await gone.send('XADD', 's', '*', 'n', i);
  const client = await clientFor(t, gone.url, quick);
  const consumer = client.consumer({ stream: 's', group: 'g', batchSize: 3 });
  const batch = await consumer.next();
  await gone.stop();
  batch.ack();
  assert.equal(await consumer.close({ timeoutMs: 50 }), 3);
  await client.close({ timeoutMs: 50 });
  const said = await Promise.race([
    batch.confirmed().catch((error) => error.code),
    new Promise((resolve) => setTimeout(resolve, 2000, 'nothing')),
  ]);
  assert.equal(said, 'closed');
});

test('timeouts without an end are waited for', async (t) => {
  await fill('endless', 1);
  const client = await clientFor(t, server.url, quick);
  const consumer = client.consumer({ stream: 'endless', group: 'g' });
  await take(consumer, 1);
  const next = consumer.next({ timeoutMs: Infinity });
  await consumer.look({ timeoutMs: Infinity });
  await server.send('XADD', 'endless', '*', 'n', 1);
  const batch = await next;
  assert.equal(batch?.length, 1);
  batch.ack();
  assert.equal(await consumer.close({ timeoutMs: Infinity }), 1);
  const another = client.consumer({ stream: 'endless', group: 'h' });
  const [first] = await take(another, 1);
  first.ack();
  assert.equal(await client.close({ timeoutMs: 2 ** 40 }), 0);
  assert.equal(await pendingOf('endless', 'h'), 0);
});

test('paused, nothing is handed over, not what was read ahead either', async (t) => {
  await fill('paused', 40);
  const client = await clientFor(t, server.url, quick);
  const consumer = client.consumer({ stream: 'paused', group: 'g', batchSize: 10 });
  await consumer.next();
  await until('all is read ahead', () => consumer.health().held === 40);
  consumer.pause();
  assert.equal(await consumer.next({ timeoutMs: 50 }), undefined);
  const next = consumer.next();
  consumer.resume();
  assert.equal((await next).at(0).get('n'), '10');
  await take(consumer, 20);
});

test('a consumer that was closed after a refusal of the credentials reads no more when they are replaced', async (t) => {
  const guarded = await startServer(undefined, ['--requirepass', 'right']);
  t.after(() => guarded.stop());
  await guarded.send('AUTH', 'right');
  await guarded.send('XADD', 's', '*', 'n', 1);
  const client = await clientFor(t, guarded.url, { ...quick, password: 'wrong' });
  const closed = client.consumer({ stream: 's', group: 'g', consumer: 'closed' });
  const run = client.consumer({ stream: 's', group: 'g', consumer: 'run' });
  await assert.rejects(closed.next(), isError('auth'));
  await closed.close();
  await assert.rejects(
    run.run(() => assert.fail('nothing can be read')),
    isError('auth'),
  );
  client.replaceCredentials({ password: 'right' });
  const open = client.consumer({ stream: 's', group: 'g', consumer: 'open' });
  const batch = await open.next({ timeoutMs: 5000 });
  assert.equal(batch?.length, 1);
  assert.equal(client.health().sources.length, 1);
  await assert.rejects(closed.next(), isError('auth'));
});

test('a listener that goes and comes again while it is told is told once', async (t) => {
  const client = await clientFor(t, server.url);
  let told = 0;
  const again = () => {
    client.off('ready', again);
    if (++told < 100) client.on('ready', again);
  };
  client.on('ready', again);
  await client.consumer({ stream: 'told', group: 'g' }).ready();
  assert.equal(told, 1);
});

test('a signal ends a wait with its own reason', async (t) => {
  const client = await clientFor(t, server.url);
  const consumer = client.consumer({ stream: 'waiting', group: 'g' });
  await consumer.ready();
  const stop = new AbortController();
  const next = consumer.next({ signal: stop.signal });
  const reason = new Error('enough');
  stop.abort(reason);
  await assert.rejects(next, (error) => error === reason);
  await assert.rejects(consumer.next({ signal: stop.signal }), (error) => error === reason);
  assert.equal(await consumer.next({ timeoutMs: 5 }), undefined);
  assert.equal(consumer.isOpen, true);
});

test('after its end everything is a typed error', async (t) => {
  await fill('ended', 1);
  const client = await connect(server.url, quick);
  const consumer = client.consumer({ stream: 'ended', group: 'g' });
  const [batch] = await take(consumer, 1);
  const entry = batch.at(0);
  batch.release();
  assert.throws(() => entry.get('n'), isError('closed'));
  assert.throws(() => entry.id, isError('closed'));
  await client.close();
  assert.throws(() => batch.ack(), isError('closed'));
  assert.throws(() => client.consumer({ stream: 'ended' }), isError('closed'));
  assert.throws(() => client.tail({ stream: 'ended' }), isError('closed'));
  assert.throws(() => client.health(), isError('closed'));
  assert.throws(() => client.metrics(), isError('closed'));
  await assert.rejects(client.publish('ended', { a: 1 }), isError('closed'));
  await assert.rejects(client.dead('ended'), isError('closed'));
  assert.equal(await client.close(), 0);
});

test('the health of a client passes over what is being closed, and shows what failed', async (t) => {
  await server.send('SET', 'no-stream', 'x');
  const client = await clientFor(t, server.url);
  const closing = client.consumer({ stream: 'closing', group: 'g' });
  await closing.ready();
  const closed = closing.close();
  assert.deepEqual(client.health(), { healthy: true, sources: [] });
  await closed;
  const failing = client.consumer({ stream: 'no-stream', group: 'g' });
  await assert.rejects(failing.next(), isError('wrong_type'));
  const health = client.health();
  assert.equal(health.healthy, false);
  assert.equal(health.sources.length, 1);
  assert.match(health.sources[0].error, /WRONGTYPE/);
  assert.match(client.metrics(), /"no-stream"/);
  await failing.close();
  assert.deepEqual(client.health(), { healthy: true, sources: [] });
  await until('nothing is left of it', () => !client.metrics().includes('"no-stream"'));
  assert.equal(await failing.close(), 0);
});

test('a look waits until the source reads, as long as it may', async (t) => {
  await fill('looked', 3);
  const client = await clientFor(t, server.url, quick);
  const health = await client.consumer({ stream: 'looked', group: 'g' }).look();
  assert.equal(health.streamLength, 3);
  assert.notEqual(health.sinceLooked, undefined);
  const again = client.consumer({ stream: 'looked', group: 'again' });
  await again.look();
  await fill('looked', 2);
  assert.equal((await again.look()).streamLength, 5, 'as it is now, and not as it was told before');
  const nobody = await clientFor(t, `redis://127.0.0.1:${await freePort()}`);
  const unknown = await nobody.consumer({ stream: 'looked', group: 'g' }).look({ timeoutMs: 50 });
  assert.equal(unknown.sinceLooked, undefined);
  await assert.rejects(
    nobody.consumer({ stream: 'looked', group: 'g' }).look({ signal: AbortSignal.abort(new Error('enough')) }),
    /enough/,
  );
});

test('a look at a tail has nothing to wait for', async (t) => {
  const client = await clientFor(t, server.url);
  const begunAt = Date.now();
  const health = await client.tail({ stream: 'looked' }).look({ timeoutMs: 20_000 });
  assert.equal(health.mode, 'tail');
  assert.ok(Date.now() - begunAt < 10_000);
});

test('health and metrics tell of the source', async (t) => {
  await fill('watched', 3);
  const client = await clientFor(t, server.url, quick);
  const consumer = client.consumer({ stream: 'watched', group: 'g', consumer: 'me' });
  await take(consumer, 3);
  const health = await consumer.look();
  assert.equal(health.healthy, true);
  assert.equal(health.held, 3);
  assert.equal(health.pending, 3);
  // Servers before 7.0 do not tell.
  assert.equal(health.lag ?? 0, 0);
  assert.equal(health.consumer, 'me');
  assert.equal(client.health().sources.length, 1);
  assert.match(client.metrics(), /^millrace_\w+.*stream="watched"/m);
  assert.match(client.metrics('redis_streams'), /^redis_streams_/m);
});
