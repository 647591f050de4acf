// What nobody has taken, or nobody waits for any more, when a consumer ends: it is the group's, or told.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { clientFor } from './support/client.mjs';
import { startServer, until } from './support/server.mjs';

let server;
before(async () => {
  server = await startServer();
});
after(() => server.stop());

/** A consumer that holds four batches of one entry, of which one was taken. */
async function holding(t, stream) {
  for (let n = 0; n < 6; ++n) await server.send('XADD', stream, '*', 'n', n);
  const client = await clientFor(t, server.url);
  const consumer = client.consumer({ stream, group: 'g', batchSize: 1, prefetch: 4 });
  const batch = await consumer.next();
  await until('it holds what it may', () => consumer.health().held === 4);
  return { client, consumer, batch };
}

/** How long each pending entry is idle: claimMinIdle where it was given back, so that others take it over at once. */
async function idleOf(stream) {
  return (await server.send('XPENDING', stream, 'g', '-', '+', 10)).map(([, , idle]) => idle);
}

for (const how of ['close', 'drain']) {
  test(`batches that nobody took are the group's after a ${how}`, async (t) => {
    const stream = `untaken-${how}`;
    const { client, consumer } = await holding(t, stream);
    const held = how === 'close' ? await consumer.close() : await client.drain({ timeoutMs: 100 });
    assert.equal(held, 1);
    const [taken, ...given] = await idleOf(stream);
    assert.ok(taken < 50_000, `${taken} ms`);
    assert.ok(given.length >= 3, 'and what was on its way');
    for (const idle of given) assert.ok(idle >= 59_000, `${idle} ms`);
  });
}

test('a run that begins anew handles what its consumer had read before', async (t) => {
  const { consumer, batch } = await holding(t, 'anew');
  batch.ack();
  await batch.confirmed();
  const seen = [];
  const { ended } = await consumer.run((each) => void seen.push(each.at(0).get('n')), { until: 'empty' });
  assert.deepEqual([ended, seen.sort()], ['empty', ['1', '2', '3', '4', '5']]);
});

test('whoever waits until it reads is told why it never will', async (t) => {
  await server.send('SET', 'untaken-text', 'x');
  const client = await clientFor(t, server.url);
  await assert.rejects(client.consumer({ stream: 'untaken-text', group: 'g' }).ready(), { code: 'wrong_type' });
  const closing = client.consumer({ stream: 'untaken-closed', group: 'g' });
  const ready = closing.ready();
  await closing.close();
  await assert.rejects(ready, { code: 'closed' });
});
