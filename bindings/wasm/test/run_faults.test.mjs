// consumer.run where the handler, its options or the consumer itself fail, or end before all is done.
import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
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

test('a signal that is aborted already lets nothing begin', async (t) => {
  await fill('aborted', 1);
  const client = await clientFor(t, server.url);
  const consumer = client.consumer({ stream: 'aborted', group: 'g', flushInterval: 0 });
  const result = await consumer.run(() => assert.fail('it was aborted'), { signal: AbortSignal.abort() });
  assert.deepEqual([result.ended, result.entries], ['aborted', 0]);
});

test('nothing stays at a signal that outlives what it was given to', async (t) => {
  const client = await clientFor(t, server.url, { flushInterval: 0, publishQueueBytes: 4096 });
  const { signal } = new AbortController();
  const value = 'x'.repeat(1000);
  const sent = Array.from({ length: 10 }, () => client.publish('signals', { value }, { wait: true, signal }));
  await Promise.all(sent);
  const consumer = client.consumer({ stream: 'signals', group: 'g' });
  (await consumer.next({ signal })).ack();
  assert.equal(await client.consumer({ stream: 'no-signals', group: 'g' }).next({ signal, timeoutMs: 1 }), undefined);
  await consumer.look({ signal });
  const result = await consumer.run(() => undefined, { signal, until: 'empty', concurrency: 2 });
  assert.equal(result.ended, 'empty');
  assert.equal(getEventListeners(signal, 'abort').length, 0);
});

test('parts of one batch are handled at once up to the concurrency, and not beyond', async (t) => {
  await fill('parts', 9);
  const client = await clientFor(t, server.url);
  let running = 0;
  let most = 0;
  const result = await client.consumer({ stream: 'parts', group: 'g', batchSize: 9 }).run(
    async () => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setImmediate(resolve));
      --running;
    },
    { concurrency: 2, orderBy: (entry) => entry.get('n'), until: 'empty' },
  );
  assert.deepEqual([result.handled, most], [9, 2]);
});

test("at the end of its budget all that is not finished is the group's, and no handler begins any more", async (t) => {
  // Of two batches a, b and c are in hand; one more of a is behind it, and d waits for its turn.
  const keys = ['a', 'b', 'b', 'a', 'c', 'd'];
  for (const key of keys) await server.send('XADD', 'left', '*', 'key', key);
  const client = await clientFor(t, server.url);
  const begun = [];
  let finish;
  const finished = new Promise((resolve) => (finish = resolve));
  const consumer = client.consumer({ stream: 'left', group: 'g', batchSize: 3 });
  const handler = (batch) => {
    begun.push(batch.at(0).get('key'));
    return finished;
  };
  const { ended, handled } = await consumer.run(handler, {
    ...{ budgetMs: 1500, concurrency: 3 },
    orderBy: (entry) => entry.get('key'),
  });
  assert.deepEqual([ended, handled, begun], ['budget', 0, ['a', 'b', 'c']]);
  const pending = await server.send('XPENDING', 'left', 'g', '-', '+', 10);
  assert.equal(pending.length, keys.length);
  // Others take it over at once: it is as idle as claimMinIdle asks for.
  for (const [id, , idle] of pending) assert.ok(idle >= 6500, `${id} is idle for ${idle} ms`);
  finish();
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(begun, ['a', 'b', 'c']);
});

test("until: 'empty' does not end while the server tells of entries that are unread or held", async (t) => {
  const client = await clientFor(t, server.url);
  const consumer = client.consumer({ stream: 'unread', group: 'g' });
  const look = consumer.look.bind(consumer);
  const told = [{ lag: 1 }, { held: 1 }, {}];
  consumer.look = async (options) => ({ ...(await look(options)), ...told.shift() });
  const { ended } = await consumer.run(() => undefined, { until: 'empty' });
  assert.deepEqual([ended, told], ['empty', []]);
});

test('a consumer that runs is not run a second time: its acks would be of nothing that it holds', async (t) => {
  await fill('twice', 3);
  const client = await clientFor(t, server.url);
  const consumer = client.consumer({ stream: 'twice', group: 'g', batchSize: 1 });
  const seen = [];
  const handler = async (batch) => {
    if (seen.length === 0) {
      const again = consumer.run(() => assert.fail('it runs already'), { until: 'empty' });
      await assert.rejects(again, { code: 'bad_argument', message: 'run: it runs already' });
    }
    seen.push(batch.at(0).get('n'));
  };
  const { ended, failed } = await consumer.run(handler, { until: 'empty' });
  assert.deepEqual([ended, failed, seen], ['empty', 0, ['0', '1', '2']]);
  assert.equal((await consumer.run(handler)).ended, 'closed');
});
