// Before Redis 5 there are no Streams: what is published while a consumer listens comes once, and it says so.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { clientFor } from './support/client.mjs';
import { startServer, until } from './support/server.mjs';

let server;
before(async () => {
  server = await startServer('redis-3.2');
});
after(() => server.stop());

test('a server without Streams is served by Pub/Sub, and says so', async (t) => {
  const client = await clientFor(t, server.url, { flushInterval: 0 });
  const consumer = client.consumer({ stream: 'news', group: 'g' });
  const ready = await consumer.ready();
  assert.equal(ready.delivery, 'pubsub');
  assert.equal(ready.guarantee, 'at_most_once');
  await until('somebody listens', async () => (await server.send('PUBLISH', 'news', '{"a":"1"}')) === 1);
  const batch = await consumer.next({ timeoutMs: 10_000 });
  assert.equal(batch.at(0).stream, 'news');
  batch.ack();
  await batch.confirmed();
});

test('a consumer that is slow is held up, and loses nothing that the server keeps for it', async (t) => {
  const client = await clientFor(t, server.url, { flushInterval: 0, batchSize: 1 });
  const consumer = client.consumer({ stream: 'fast', group: 'g' });
  await consumer.ready();
  const count = 2000;
  for (let n = 0; n < count; ++n) assert.equal(await server.send('PUBLISH', 'fast', `{"n":"${n}"}`), 1);
  for (let n = 0; n < count; ++n) {
    const batch = await consumer.next({ timeoutMs: 10_000 });
    assert.ok(batch, `${n} of ${count} came`);
    assert.equal(batch.at(0).get('n') ?? batch.at(0).json('payload')?.n, String(n));
    batch.ack();
  }
});
