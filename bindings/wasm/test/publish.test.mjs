// Publishing and tails on a real server: what is sent comes out unchanged, or is refused with a typed error.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { MillraceError } from 'millrace';

import { clientFor } from './support/client.mjs';
import { startServer } from './support/server.mjs';

let server;
before(async () => {
  server = await startServer();
});
after(() => server.stop());

const isError = (code, words) => (error) => {
  assert.ok(error instanceof MillraceError, String(error));
  assert.equal(error.code, code, error.message);
  if (words) assert.match(error.message, words);
  return true;
};

async function takeOne(source) {
  const batch = await source.next({ timeoutMs: 10_000 });
  assert.ok(batch, 'an entry came');
  return batch.at(0);
}

test('one entry has one result, many have one each', async (t) => {
  const client = await clientFor(t, server.url);
  const one = await client.publish('results', { item: 'tea', n: 3, big: 2n ** 70n });
  assert.match(one.id, /^\d+-\d+$/);
  assert.equal(one.maybeDuplicate, false);
  const many = await client.publish('results', [
    { a: 1 },
    [
      ['a', '2'],
      ['a', '3'],
    ],
    { a: 4 },
  ]);
  assert.equal(many.length, 3);
  assert.ok(many.every((result) => result.error === undefined && result.id !== ''));
  const stored = await server.send('XRANGE', 'results', '-', '+');
  assert.deepEqual(
    stored.map(([id]) => id),
    [one.id, ...many.map((result) => result.id)],
  );
  assert.deepEqual(stored[0][1], ['item', 'tea', 'n', '3', 'big', String(2n ** 70n)]);
  assert.deepEqual(stored[2][1], ['a', '2', 'a', '3']);
  assert.deepEqual(await client.publish('results', []), []);
});

test('a thousand publishes at once keep their order', async (t) => {
  const client = await clientFor(t, server.url);
  const results = await Promise.all(Array.from({ length: 1000 }, (_, n) => client.publish('order', { n })));
  const stored = await server.send('XRANGE', 'order', '-', '+');
  assert.deepEqual(
    stored.map(([, fields]) => Number(fields[1])),
    Array.from({ length: 1000 }, (_, n) => n),
  );
  assert.deepEqual(
    stored.map(([id]) => id),
    results.map((result) => result.id),
  );
});

test('past publishQueueBytes a publish says would_block, or waits for room; a signal ends such a wait', async (t) => {
  const client = await clientFor(t, server.url, { publishQueueBytes: 4096 });
  const value = 'x'.repeat(1000);
  const stop = new AbortController();
  const sent = Array.from({ length: 50 }, (_, n) => client.publish('full', { n, value }, { wait: true }));
  await assert.rejects(client.publish('full', { n: 'refused', value }), isError('would_block'));
  const last = client.publish('full', { n: 'never', value }, { wait: true, signal: stop.signal });
  stop.abort(new Error('no more'));
  await assert.rejects(last, /no more/);
  await Promise.all(sent);
  assert.equal(await server.send('XLEN', 'full'), 50);
});

test('a publish that waits for room is not overtaken by a smaller one', async (t) => {
  const client = await clientFor(t, server.url, { publishQueueBytes: 4096 });
  const values = [...Array.from({ length: 6 }, () => 'x'.repeat(1000)), ''];
  await Promise.all(values.map((value, n) => client.publish('overtaken', { n, value }, { wait: true })));
  const stored = await server.send('XRANGE', 'overtaken', '-', '+');
  assert.deepEqual(
    stored.map(([, fields]) => fields[1]),
    values.map((_, n) => String(n)),
  );
  const signal = AbortSignal.abort(new Error('too late'));
  await assert.rejects(client.publish('overtaken', { n: 'never' }, { signal }), /too late/);
  assert.equal(await server.send('XLEN', 'overtaken'), values.length);
});

test('what waits for room goes out with a drain', async (t) => {
  const client = await clientFor(t, server.url, { publishQueueBytes: 4096 });
  const value = 'x'.repeat(1000);
  const sent = Array.from({ length: 50 }, (_, n) => client.publish('drained', { n, value }, { wait: true }));
  const drained = client.drain();
  await assert.rejects(client.publish('drained', { n: 'late' }, { wait: true }), isError('closed'));
  await Promise.all(sent);
  await drained;
  assert.equal(await server.send('XLEN', 'drained'), 50);
});

test('a publisher has options of its own', async (t) => {
  const client = await clientFor(t, server.url);
  const publisher = client.publisher({ maxLen: 3, maxLenExact: true });
  for (let n = 0; n < 5; ++n) await publisher.publish('trimmed', { n });
  assert.equal(await server.send('XLEN', 'trimmed'), 3);
  await client.publish('trimmed', { n: 5 });
  assert.equal(await server.send('XLEN', 'trimmed'), 4);
  assert.throws(() => client.publisher({ maxLen: 0 }), isError('bad_config', /maxLen/));
});

test('what the server refuses is the error of its entry', async (t) => {
  await server.send('SET', 'text', 'x');
  const client = await clientFor(t, server.url);
  await assert.rejects(client.publish('text', { a: 1 }), isError('wrong_type'));
  const results = await client.publish('text', [{ a: 1 }, { a: 2 }]);
  assert.deepEqual(
    results.map((result) => result.error.code),
    ['wrong_type', 'wrong_type'],
  );
});

test('what cannot be sent is refused by name', async (t) => {
  const client = await clientFor(t, server.url, { maxMessageBytes: '64KiB' });
  await assert.rejects(client.publish('refused', { a: '\ud800' }), isError('bad_argument', /field 'a'.*surrogate/));
  await assert.rejects(client.publish('refused', { '\udc00': 'a' }), isError('bad_argument', /surrogate/));
  await assert.rejects(client.publish('refused', { a: { b: 1 } }), isError('bad_argument', /field 'a'/));
  await assert.rejects(client.publish('refused', 'text'), isError('bad_argument'));
  await assert.rejects(client.publish('refused', { a: 'x'.repeat(70_000) }), isError('too_large'));
  assert.equal(await server.send('EXISTS', 'refused'), 0);
});

test('bytes, emoji and many fields come out as they went in', async (t) => {
  const client = await clientFor(t, server.url, { flushInterval: 0 });
  const every = Uint8Array.from({ length: 256 }, (_, byte) => byte);
  const text = 'a😀é\u0000\ufeffz\u{10ffff}';
  const fields = [
    [every, every],
    ['text', text],
    ['empty', ''],
    ['\ufeffmark', '\ufeff'],
    ['text', 'again'],
    ...Array.from({ length: 10_000 }, (_, n) => [`f${n}`, String(n)]),
  ];
  await client.publish('bytes', [fields]);
  const entry = await takeOne(client.consumer({ stream: 'bytes', group: 'g' }));
  assert.equal(entry.size, fields.length);
  assert.deepEqual(entry.byteFields[0], [every, every]);
  assert.equal(entry.get('text'), text);
  assert.equal(entry.get('empty'), '');
  assert.equal(entry.get('\ufeffmark'), '\ufeff');
  assert.deepEqual(entry.fields.slice(1), fields.slice(1));
  assert.equal(entry.get('f9999'), '9999');
  assert.equal(entry.get('none'), undefined);
  assert.equal(entry.bytes('none'), undefined);
  assert.deepEqual(Buffer.from(entry.bytes('text')), Buffer.from(text));
});

test('JSON is parsed when it is asked for', async (t) => {
  const client = await clientFor(t, server.url, { flushInterval: 0 });
  await client.publish('json', { good: '{"a":[1,"é"]}', bad: '{' });
  const entry = await takeOne(client.consumer({ stream: 'json', group: 'g' }));
  assert.deepEqual(entry.json('good'), { a: [1, 'é'] });
  assert.throws(() => entry.json('bad'), SyntaxError);
  assert.equal(entry.json('none'), undefined);
});

test('16 MB go through, and what is larger than allowed is told', async (t) => {
  const value = Buffer.alloc(16 * 1024 * 1024 - 100, 'm');
  await server.send('XADD', 'large', '*', 'value', value);
  await server.send('XADD', 'large', '*', 'value', Buffer.alloc(17 * 1024 * 1024, 'n'));
  await server.send('XADD', 'large', '*', 'value', 'small');
  const client = await clientFor(t, server.url, { flushInterval: 0, batchSize: 1 });
  const told = new Promise((resolve) => client.on('tooLarge', resolve));
  const consumer = client.consumer({ stream: 'large', group: 'g' });
  const entry = await takeOne(consumer);
  assert.ok(Buffer.from(entry.bytes('value')).equals(value));
  assert.equal((await takeOne(consumer)).get('value'), 'small');
  assert.ok((await told).bytes > 17 * 1024 * 1024);
});

test('64 MB go through where maxMessageBytes is raised', async (t) => {
  const value = Buffer.alloc(64 * 1024 * 1024 - 100, 'm');
  await server.send('XADD', 'larger', '*', 'value', value);
  const options = { flushInterval: 0, batchSize: 1, maxMessageBytes: 64 * 1024 * 1024, prefetchBytes: 128 * 1024 * 1024 };
  const client = await clientFor(t, server.url, options);
  const entry = await takeOne(client.consumer({ stream: 'larger', group: 'g' }));
  assert.ok(Buffer.from(entry.bytes('value')).equals(value));
});

test('a tail begins where it is told, and goes on from its cursors', async (t) => {
  const client = await clientFor(t, server.url);
  await client.publish('tailed', [{ n: 0 }, { n: 1 }, { n: 2 }]);
  const tail = client.tail({ stream: 'tailed', from: 'last:2' });
  const seen = [];
  for await (const batch of tail) {
    for (const entry of batch) {
      assert.equal(entry.deliveries, 0);
      seen.push(entry.get('n'));
    }
    if (seen.length === 2) break;
  }
  assert.deepEqual(seen, ['1', '2']);
  const { cursors } = tail;
  assert.match(cursors[0], /^tailed=\d+-\d+$/);
  await client.publish('tailed', { n: 3 });
  const next = client.tail({ stream: 'tailed', cursors });
  assert.equal((await takeOne(next)).get('n'), '3');
  await next.close();
  assert.throws(() => client.tail({ stream: 'tailed', from: 'yesterday' }), isError('bad_config', /from/));
});

test('a tail that nobody reads stops reading, and loses nothing', async (t) => {
  const client = await clientFor(t, server.url, { batchSize: 10 });
  const tail = client.tail({ stream: 'slow', from: '0' });
  await tail.ready();
  const count = 5000;
  await client.publish(
    'slow',
    Array.from({ length: count }, (_, n) => ({ n })),
  );
  // Long enough for it to be held up: the answers to these commands come behind what is pushed to it.
  const others = async () => {
    for (let i = 0; i < 100; ++i) await client.publish('other', { i });
  };
  await others();
  const taken = () => Number(/^millrace_delivered_total\{.*"slow".*\} (\d+)$/m.exec(client.metrics())[1]);
  let next = 0;
  for (const round of [1, 2]) {
    const all = round * count;
    assert.ok(taken() <= next + 300, `${taken()} were taken, ${next} of them by somebody`);
    while (next < all) {
      const batch = await tail.next({ timeoutMs: 10_000 });
      assert.ok(batch, `${next} of ${all} entries came`);
      for (const entry of batch) assert.equal(entry.get('n'), String(next++ % count));
    }
    if (round === 2) break;
    await client.publish(
      'slow',
      Array.from({ length: count }, (_, n) => ({ n })),
    );
    await others();
  }
});
