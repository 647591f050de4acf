// A millrace client through the bridge: whatever the core sends for its features passes, and nothing of it is denied.
// On servers where it sends different commands.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import WebSocket from 'ws';
import { connect, webSocketTransport } from 'millrace';
import { metric, startBridge, startRedis, token, until } from './fixture.mjs';

const protocols = ['millrace.v1', `millrace.token.${Buffer.from(token).toString('base64url')}`];

async function withClient(server, options, body, bridgeOptions = {}) {
  const redis = await startRedis(server);
  const allow = ['tail', 'consume', 'publish', 'admin'];
  const bridge = await startBridge({ upstream: redis.url, keys: ['orders'], allow, ...bridgeOptions });
  const transport = webSocketTransport({ url: bridge.url, protocols, WebSocket });
  const client = await connect({ transport, flushInterval: 0, maxRetryDelay: '200ms', ...options });
  const failures = [];
  client.on('failure', (event) => failures.push(event.error.message));
  try {
    await body({ client, bridge, redis });
    const denied = bridge.lines.filter(({ message }) => message === 'command denied');
    assert.deepEqual(denied, []);
    assert.deepEqual(failures, []);
  } finally {
    await client.close({ timeoutMs: 2000 });
    await bridge.stop();
    await redis.stop();
  }
}

async function take(source, count, settle) {
  const entries = [];
  while (entries.length < count) {
    const batch = await source.next({ timeoutMs: 10_000 });
    assert.ok(batch, `${entries.length} of ${count} entries came`);
    for (const entry of batch) entries.push([entry.id, entry.get('n')]);
    await settle?.(batch);
  }
  return entries;
}

for (const server of ['redis-5.0', 'redis-7.0', 'redis-8.6']) {
  test(`consume, publish, dedupe, dead letters, leases through the bridge to ${server}`, { timeout: 60_000 }, () =>
    withClient(server, {}, async ({ client, bridge }) => {
      const events = Array.from({ length: 300 }, (_, n) => ({ n: String(n), id: `e${n % 200}` }));
      const results = await client
        .publisher({ idempotent: true, maxLen: 10_000, keepPending: true })
        .publish('orders', events);
      assert.equal(results.length, 300);
      await client.publisher({ atomic: true }).publish('orders', [{ n: '300' }, { n: '301' }]);
      const consumer = client.consumer({
        ...{ stream: 'orders', group: 'g', consumer: 'worker', consumerLease: true, dedupe: 'redis', idField: 'id' },
        ...{ batchSize: 50, maxDeliveries: 2 },
      });
      const entries = await take(consumer, 202, (batch) => {
        batch.ack();
        return batch.confirmed();
      });
      assert.deepEqual(
        entries.map(([, n]) => Number(n)),
        [...Array(200).keys(), 300, 301],
      );
      await client.publish('orders', { n: 'poison' });
      const [[, poison]] = await take(consumer, 1, (batch) => batch.reject('bad'));
      assert.equal(poison, 'poison');
      const dead = await until('it is among the dead', async () => {
        const found = await client.dead('orders');
        return found.length > 0 && found;
      });
      assert.equal(dead.length, 1);
      await client.redrive('orders', [dead[0].deadId ?? dead[0].id]);
      assert.equal((await take(consumer, 1, (batch) => batch.ack()))[0][1], 'poison');
      assert.ok((await consumer.look()).healthy);
      await consumer.close();
      await client.moveGroup('orders', 'g', { at: '0' });
      assert.ok(await client.destroyGroup('orders', 'g'));
      assert.ok(metric(bridge.bridge, 'commands_total') > 20);
    }),
  );
}

test('a tail through the bridge goes on where it was when the bridge has been restarted', { timeout: 60_000 }, () =>
  withClient('redis-7.0', {}, async ({ client, bridge }) => {
    const tail = client.tail({ stream: 'orders', from: '0-0' });
    await client.publish('orders', [{ n: '1' }, { n: '2' }]);
    assert.deepEqual(
      (await take(tail, 2)).map(([, n]) => n),
      ['1', '2'],
    );
    await bridge.restart();
    await client.publish('orders', { n: '3' });
    assert.deepEqual(
      (await take(tail, 1)).map(([, n]) => n),
      ['3'],
    );
  }),
);

test('patterns and Pub/Sub through the bridge', { timeout: 60_000 }, async () => {
  await withClient('redis-7.0', {}, async ({ client }) => {
    const consumer = client.consumer({ pattern: 'orders-*', group: 'g', discoverInterval: '100ms' });
    await client.publish('orders-a', { n: '1' });
    await client.publish('orders-b', { n: '2' });
    const entries = await take(consumer, 2, (batch) => batch.ack());
    assert.deepEqual(entries.map(([, n]) => n).sort(), ['1', '2']);
  });
  for (const [server, options] of [
    ['redis-7.0', { mode: 'pubsub' }],
    ['redis-7.0', { mode: 'pubsub', protocol: 2 }],
    ['redis-3.2', {}],
  ]) {
    await withClient(server, options, async ({ client }) => {
      const consumer = client.consumer({ stream: 'orders' });
      assert.equal((await consumer.ready()).guarantee, 'at_most_once');
      await client.publish('orders', { n: '1' });
      assert.deepEqual(
        (await take(consumer, 1)).map(([, n]) => n),
        ['1'],
      );
    });
  }
});

test('values of 16 MB pass both ways', { timeout: 60_000 }, () =>
  withClient('redis-7.0', { maxMessageBytes: '16MiB' }, async ({ client }) => {
    const value = new Uint8Array(16 * 1024 * 1024 - 100).map((_, i) => i * 31);
    await client.publish('orders', { n: 'big', value });
    const tail = client.tail({ stream: 'orders', from: '0-0' });
    const batch = await tail.next({ timeoutMs: 30_000 });
    assert.deepEqual(Buffer.from([...batch][0].bytes('value')).equals(Buffer.from(value)), true);
  }),
);

test('a token that may only tail is told so by a typed error, and its tail works', { timeout: 60_000 }, async () => {
  const redis = await startRedis();
  const bridge = await startBridge({ upstream: redis.url, keys: ['orders'], allow: ['tail'] });
  const transport = webSocketTransport({ url: bridge.url, protocols, WebSocket });
  const client = await connect({ transport, flushInterval: 0 });
  try {
    await assert.rejects(client.publish('orders', { n: '1' }), (error) => error.code === 'no_permission');
    const consumer = client.consumer({ stream: 'orders', group: 'g' });
    await assert.rejects(consumer.next({ timeoutMs: 10_000 }), (error) => error.code === 'no_permission');
    const tail = client.tail({ stream: 'orders' });
    assert.equal((await tail.ready()).delivery, 'tail');
  } finally {
    await client.close({ timeoutMs: 1000 });
    await bridge.stop();
    await redis.stop();
  }
});
