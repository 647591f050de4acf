// consumer.run where the handler, its options or the consumer itself fail.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { clientFor } from './support/client.mjs';
import { startServer } from './support/server.mjs';

let server;
before(async () => {
  server = await startServer();
});
after(() => server.stop());

async function fill(stream, count) {
  for (let n = 0; n < count; ++n) await server.send('XADD', stream, '*', 'n', n);
}

test('a batch that its handler acked before it threw is not told to come again', async (t) => {
  await fill('acked-and-thrown', 1);
  const client = await clientFor(t, server.url);
  const logs = [];
  client.on('log', ({ message }) => message.startsWith('The handler failed') && logs.push(message));
  const handler = (batch) => {
    batch.ack();
    throw new Error('too late');
  };
  const result = await client.consumer({ stream: 'acked-and-thrown', group: 'g' }).run(handler, { until: 'empty' });
  assert.deepEqual([result.failed, result.entries], [1, 1]);
  assert.deepEqual(logs, ['The handler failed; its batch was settled before']);
});

test('a batch whose keys can not be told is given back when that ends the run', async (t) => {
  await fill('no-key', 3);
  const client = await clientFor(t, server.url);
  const consumer = client.consumer({ stream: 'no-key', group: 'g', flushInterval: 0 });
  const orderBy = () => {
    throw new TypeError('no such field');
  };
  const handler = () => assert.fail('it has no key');
  await assert.rejects(consumer.run(handler, { orderBy }), /no such field/);
  // Idle for claimMinIdle at once: whoever sweeps next has it.
  for (const [, , idle] of await server.send('XPENDING', 'no-key', 'g', '-', '+', 10)) assert.ok(idle >= 59_000, String(idle));
});

test('a run of a consumer that has ended says how, and opens nothing', async (t) => {
  await server.send('SET', 'run-text', 'x');
  const client = await clientFor(t, server.url);
  const closed = client.consumer({ stream: 'run-closed', group: 'g' });
  await closed.ready();
  await closed.close();
  const failed = client.consumer({ stream: 'run-text', group: 'g' });
  await assert.rejects(failed.next(), { code: 'wrong_type' });
  const drained = client.consumer({ stream: 'run-drained', group: 'g' });
  for (const options of [{}, { until: 'empty' }, { budgetMs: 5000 }]) {
    assert.equal((await closed.run(() => undefined, options)).ended, 'closed');
    await assert.rejects(
      failed.run(() => undefined, options),
      { code: 'wrong_type' },
    );
  }
  assert.equal(client.health().sources.length, 1, 'that which is drained next');
  await client.drain();
  assert.equal((await drained.run(() => undefined, { until: 'empty' })).ended, 'closed');
});
