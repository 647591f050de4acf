// The examples for Node, Deno and Bun, each run for real: entries come, and SIGTERM ends it with nothing left pending.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { connect } from 'millrace';
import { startRedis } from '../bridge/fixture.mjs';
import { examples, Program } from './process.mjs';

let redis;
let client;
before(async () => {
  redis = await startRedis();
  client = await connect(redis.url);
});
after(async () => {
  await client.close({ timeoutMs: 1000 });
  await redis.stop();
});

const binary = (name) => fileURLToPath(new URL(`../../node_modules/.bin/${name}`, import.meta.url));
const hosts = [
  ['node', process.execPath, ['node-worker/worker.mjs']],
  ['deno', binary('deno'), ['run', '--quiet', '--no-prompt', '-A', '--no-check', '--no-lock', 'deno/consume.ts']],
  ['bun', binary('bun'), ['run', 'bun/consume.ts']],
];

for (const [host, program, words] of hosts) {
  test(`the example for ${host} consumes, and ends cleanly`, { timeout: 60_000 }, async () => {
    const before = await client.publish('orders', { item: `tea for ${host}` });
    const paths = words.map((word) => (/\.(ts|mjs)$/.test(word) ? join(examples, word) : word));
    const running = new Program(program, paths, { REDIS_URL: redis.url, NO_COLOR: '1' });
    try {
      await running.prints(new RegExp(`^${before.id} tea for ${host}$`, 'm'));
      const live = await client.publish('orders', { item: 'live' });
      await running.prints(new RegExp(`^${live.id} live$`, 'm'));
    } finally {
      assert.equal(await running.stop(), 0, running.output);
    }
    const consumer = client.consumer({ stream: 'orders', group: 'billing', consumer: 'looks' });
    await consumer.ready();
    const health = await consumer.look();
    assert.equal(health.pending, 0);
    await consumer.close();
  });
}
