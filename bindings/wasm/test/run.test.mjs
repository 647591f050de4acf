// consumer.run: what is handled at once, in what order, and when it ends.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { MillraceError } from 'millrace';

import { clientFor } from './support/client.mjs';
import { startServer, Wire } from './support/server.mjs';

let server;
before(async () => {
  server = await startServer();
});
after(() => server.stop());

async function fill(stream, entries) {
  for (const fields of entries) await server.send('XADD', stream, '*', ...Object.entries(fields).flat());
}
const numbered = (count) => Array.from({ length: count }, (_, n) => ({ n }));
const pendingOf = async (stream, group) => (await server.send('XPENDING', stream, group))[0];

test("until: 'empty' handles all there is, and ends", async (t) => {
  await fill('empty', numbered(23));
  const client = await clientFor(t, server.url);
  const seen = [];
  const result = await client
    .consumer({ stream: 'empty', group: 'g', batchSize: 5 })
    .run((batch) => void seen.push(...[...batch].map((entry) => entry.get('n'))), { until: 'empty' });
  assert.deepEqual(
    seen,
    numbered(23).map(({ n }) => String(n)),
  );
  assert.deepEqual(
    { ended: result.ended, entries: result.entries, failed: result.failed, held: result.held },
    {
      ended: 'empty',
      entries: 23,
      failed: 0,
      held: 0,
    },
  );
  assert.equal(await pendingOf('empty', 'g'), 0);
});

test('a clock that is set back makes no run wait for it to come round again', async (t) => {
  await fill('set-back', numbered(3));
  const client = await clientFor(t, server.url);
  const now = Date.now;
  t.after(() => (Date.now = now));
  const setBack = () => void (Date.now = () => now() - 3_600_000);
  const consumer = client.consumer({ stream: 'set-back', group: 'g' });
  const result = await consumer.run(setBack, { until: 'empty', signal: AbortSignal.timeout(10_000) });
  assert.deepEqual({ ended: result.ended, entries: result.entries }, { ended: 'empty', entries: 3 });
});

test("a handler that throws in Pub/Sub ends nothing: what it threw is told, and the next one is handled", async (t) => {
  const client = await clientFor(t, server.url, { mode: 'pubsub', flushInterval: 0 });
  const wire = await Wire.connect(server.port);
  t.after(() => wire.close());
  const consumer = client.consumer({ stream: 'at-most-once', group: 'g' });
  await consumer.ready();
  const told = [];
  client.on('log', ({ message, fields }) => fields.error === 'no' && told.push(message));
  const stop = new AbortController();
  let tries = 0;
  const running = consumer.run(
    async () => {
      if (++tries === 1) {
        await wire.send('PUBLISH', 'at-most-once', 'second');
        throw new Error('no');
      }
      stop.abort();
    },
    { signal: stop.signal },
  );
  await server.send('PUBLISH', 'at-most-once', 'first');
  const { handled, failed } = await running;
  assert.deepEqual({ handled, failed }, { handled: 1, failed: 1 });
  assert.deepEqual(told, ['The handler failed; Pub/Sub does not deliver its batch again']);
});

test('in Pub/Sub one busy key holds up the reading, since nothing else bounds what waits', async (t) => {
  const client = await clientFor(t, server.url, { mode: 'pubsub', flushInterval: 0, batchSize: 1 });
  const consumer = client.consumer({ stream: 'busy', group: 'g' });
  await consumer.ready();
  let open;
  const gate = new Promise((resolve) => (open = resolve));
  const stop = new AbortController();
  const seen = [];
  const running = consumer.run(
    async (batch) => {
      await gate;
      if (seen.push(Number(batch.at(0).get('data'))) === 600) stop.abort();
    },
    { concurrency: 2, orderBy: () => 'one', signal: stop.signal },
  );
  for (let n = 0; n < 600; ++n) await server.send('PUBLISH', 'busy', n);
  const taken = Number(/^millrace_delivered_total\{.*\} (\d+)$/m.exec(client.metrics())[1]);
  assert.ok(taken < 300, `${taken} were taken`);
  open();
  const { handled } = await running;
  assert.equal(handled, 600);
  assert.deepEqual(
    seen,
    numbered(600).map(({ n }) => n),
  );
});

test('whatever a handler throws, the run goes on', async (t) => {
  await fill('odd', numbered(1));
  const client = await clientFor(t, server.url);
  const thrown = [null, undefined, Symbol('s'), Object.create(null)];
  const result = await client.consumer({ stream: 'odd', group: 'g', nackDelay: 1 }).run(
    () => {
      if (thrown.length > 0) throw thrown.pop();
    },
    { until: 'empty' },
  );
  assert.equal(result.failed, 4);
  assert.equal(result.handled, 1);
});

test('a handler that throws has its batch again, and the log says why', async (t) => {
  await fill('thrown', numbered(1));
  const client = await clientFor(t, server.url);
  const logs = [];
  client.on('log', (event) => logs.push(event));
  let tries = 0;
  const result = await client.consumer({ stream: 'thrown', group: 'g', nackDelay: 10 }).run(
    (batch) => {
      assert.equal(batch.at(0).deliveries, ++tries);
      if (tries < 3) throw new Error(`try ${tries}`);
    },
    { until: 'empty' },
  );
  assert.equal(tries, 3);
  assert.equal(result.failed, 2);
  assert.equal(result.handled, 1);
  const told = logs.filter((event) => event.message.startsWith('The handler failed'));
  assert.deepEqual(
    told.map((event) => event.fields.error),
    ['try 1', 'try 2'],
  );
  assert.equal(await pendingOf('thrown', 'g'), 0);
});

test('concurrency is a bound that is reached', async (t) => {
  await fill('many', numbered(12));
  const client = await clientFor(t, server.url);
  let running = 0;
  let most = 0;
  const gate =
    Promise.withResolvers?.() ??
    (() => {
      let resolve;
      const promise = new Promise((done) => (resolve = done));
      return { promise, resolve };
    })();
  await client.consumer({ stream: 'many', group: 'g', batchSize: 1, prefetch: 12 }).run(
    async () => {
      most = Math.max(most, ++running);
      if (running === 3) gate.resolve();
      await gate.promise;
      --running;
    },
    { concurrency: 3, until: 'empty' },
  );
  assert.equal(most, 3);
  assert.equal(await pendingOf('many', 'g'), 0);
});

test('orderBy keeps the order of each key, and lets others go on', async (t) => {
  const keys = ['a', 'b', 'a', 'c', 'a', 'b'];
  await fill(
    'ordered',
    keys.map((key, n) => ({ key, n })),
  );
  const client = await clientFor(t, server.url);
  const done = [];
  let most = 0;
  const running = new Set();
  await client.consumer({ stream: 'ordered', group: 'g', batchSize: 3, prefetch: 6 }).run(
    async (batch) => {
      const key = batch.at(0).get('key');
      assert.ok([...batch].every((entry) => entry.get('key') === key));
      assert.ok(!running.has(key), `two parts of ${key} at once`);
      running.add(key);
      most = Math.max(most, running.size);
      await new Promise((resolve) => setTimeout(resolve, key === 'a' ? 30 : 5));
      running.delete(key);
      for (const entry of batch) done.push([key, Number(entry.get('n'))]);
    },
    { concurrency: 4, orderBy: (entry) => entry.get('key'), until: 'empty' },
  );
  for (const key of ['a', 'b', 'c']) {
    const order = done.filter(([each]) => each === key).map(([, n]) => n);
    assert.deepEqual(
      order,
      keys.flatMap((each, n) => (each === key ? [n] : [])),
    );
  }
  assert.ok(most > 1, 'never two keys at once');
  assert.equal(await pendingOf('ordered', 'g'), 0);
});

test('a signal ends the run after the batch in hand', async (t) => {
  await fill('stopped', numbered(10));
  const client = await clientFor(t, server.url);
  const stop = new AbortController();
  let batches = 0;
  const result = await client.consumer({ stream: 'stopped', group: 'g', batchSize: 2 }).run(
    (_, { signal }) => {
      assert.equal(signal.aborted, false);
      ++batches;
      stop.abort();
      assert.equal(signal.aborted, true);
    },
    { signal: stop.signal },
  );
  assert.equal(result.ended, 'aborted');
  assert.equal(batches, 1);
  const pending = await server.send('XPENDING', 'stopped', 'g', '-', '+', 10);
  assert.ok(!pending.some(([, , , deliveries]) => deliveries > 1));
});

test('a budget ends the run, and gives back what is not finished', async (t) => {
  await fill('budget', numbered(2));
  const client = await clientFor(t, server.url);
  const started = Date.now();
  const result = await client
    .consumer({ stream: 'budget', group: 'g', batchSize: 1, consumer: 'w' })
    .run(
      (_, { signal }) => new Promise((resolve) => signal.addEventListener('abort', () => setTimeout(resolve, 5000))),
      {
        budgetMs: 600,
      },
    );
  const took = Date.now() - started;
  assert.equal(result.ended, 'budget');
  assert.ok(took < 1500, `took ${took} ms`);
  assert.equal(await server.send('EXISTS', '{budget}:lease:g:w-1'), 0);
});

test('a run that ends before its budget leaves no timer, which would keep the process alive', async (t) => {
  await fill('early', numbered(2));
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  const client = await clientFor(t, server.url);
  const before = timers();
  const result = await client
    .consumer({ stream: 'early', group: 'g' })
    .run(() => undefined, { budgetMs: 3_600_000, until: 'empty' });
  await client.close();
  assert.equal(result.ended, 'empty');
  assert.equal(timers(), before);
});

test('a run with a budget takes a name under a lease', async (t) => {
  await fill('leased', numbered(3));
  const client = await clientFor(t, server.url);
  let name = '';
  client.on('ready', (event) => (name = event.consumer));
  const result = await client
    .consumer({ stream: 'leased', group: 'g', consumer: 'job' })
    .run(() => undefined, { budgetMs: 10_000, until: 'empty' });
  assert.equal(result.ended, 'empty');
  assert.equal(result.entries, 3);
  assert.equal(name, 'job-1');
});

test('options that make no sense are refused before anything runs', async (t) => {
  const client = await clientFor(t, server.url);
  const wrong = [
    ...[{ concurrency: 0 }, { concurrency: 1.5 }, { until: 'full' }],
    ...[0, -1, NaN, Infinity, '5'].map((budgetMs) => ({ budgetMs })),
  ];
  for (const options of wrong) {
    const consumer = client.consumer({ stream: 'refused', group: 'g' });
    await assert.rejects(
      consumer.run(() => undefined, options),
      (error) => {
        assert.equal(error.code, 'bad_argument', error.message);
        assert.match(error.message, new RegExp(`^run: ${Object.keys(options)[0]} is `));
        return error instanceof MillraceError;
      },
    );
    await consumer.close();
  }
});

test('a budget need not be whole milliseconds', async (t) => {
  const client = await clientFor(t, server.url);
  const consumer = client.consumer({ stream: 'fraction', group: 'g' });
  const { ended } = await consumer.run(() => undefined, { budgetMs: 9999.5, until: 'empty' });
  assert.equal(ended, 'empty');
});

test('a run ends with the drain or the close of its client, and at once', async (t) => {
  for (const how of ['drain', 'close']) {
    await fill(how, numbered(3));
    const client = await clientFor(t, server.url);
    let begin;
    const begun = new Promise((resolve) => (begin = resolve));
    let finish;
    const finished = new Promise((resolve) => (finish = resolve));
    const running = client.consumer({ stream: how, group: 'g', flushInterval: 0 }).run(() => (begin(), finished));
    await begun;
    const ending = client[how]();
    if (how === 'close') await ending;
    finish();
    assert.equal(await ending, how === 'close' ? 3 : 0);
    const since = performance.now();
    const result = await running;
    assert.ok(performance.now() - since < 1000, 'it waited for an end that was told already');
    assert.deepEqual([result.ended, result.handled], ['closed', 1]);
    assert.equal(await pendingOf(how, 'g'), how === 'close' ? 3 : 0);
  }
});

test('a client that ends while a run asks the server whether all is done ends the run', async (t) => {
  const client = await clientFor(t, server.url);
  const consumer = client.consumer({ stream: 'asking', group: 'g' });
  const look = consumer.look.bind(consumer);
  consumer.look = async (options) => {
    await client.close();
    return look(options);
  };
  const { ended } = await consumer.run(() => undefined, { until: 'empty' });
  assert.equal(ended, 'closed');
});

test('a budget ends a run that waits for the server to say whether all is done', async (t) => {
  const silent = await startServer();
  t.after(() => silent.stop());
  const client = await clientFor(t, silent.url);
  const consumer = client.consumer({ stream: 'silent', group: 'g' });
  const look = consumer.look.bind(consumer);
  consumer.look = async (options) => {
    await silent.send('CLIENT', 'PAUSE', 2000, 'ALL');
    return look(options);
  };
  const since = performance.now();
  const { ended } = await consumer.run(() => undefined, { budgetMs: 360, until: 'empty' });
  const took = performance.now() - since;
  assert.equal(ended, 'budget');
  assert.ok(took < 460, `took ${took} ms`);
});

test('what the server refuses for good ends the run with its error', async (t) => {
  await server.send('SET', 'text', 'x');
  const client = await clientFor(t, server.url);
  await assert.rejects(
    client.consumer({ stream: 'text', group: 'g' }).run(() => undefined),
    (error) => error instanceof MillraceError && error.code === 'wrong_type',
  );
});
