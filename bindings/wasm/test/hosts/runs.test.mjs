// Runs of a scheduled worker in workerd: killed, overlapping, and many of them.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { installIn } from '../support/installed.mjs';
import { startServer, until } from '../support/server.mjs';
import { startWorkerd } from '../support/workerd.mjs';

let app;
let server;
let workerd;
before(async () => {
  app = await installIn(fileURLToPath(new URL('app', import.meta.url)));
  server = await startServer();
});
after(async () => {
  await server.stop();
  await app.remove();
});

async function start(t) {
  workerd = await startWorkerd(t, app, 'runner.mjs');
}

async function run(input) {
  const body = JSON.stringify({ url: server.url, until: 'empty', budgetMs: 20_000, ...input });
  const answer = await fetch(workerd.url, { method: 'POST', body });
  const text = await answer.text();
  assert.equal(answer.status, 200, `${text}\n${workerd.err()}`);
  return JSON.parse(text);
}

async function fill(stream, count) {
  for (let n = 0; n < count; ++n) await server.send('XADD', stream, '*', 'n', n);
}
const pending = async (stream) => (await server.send('XPENDING', stream, 'g'))[0];
const numbers = (results) => results.flatMap(({ seen }) => seen.map(([n]) => n)).sort((a, b) => a - b);
const upTo = (count) => Array.from({ length: count }, (_, n) => n);

test('a run that is killed half way leaves the rest to the first run after claimMinIdle', async (t) => {
  await start(t);
  await fill('killed', 400); // for 8 s, of which the look at it below needs a part, on a busy machine too
  // Its failure is looked at below; until then nobody may call it unhandled.
  const killed = run({ stream: 'killed', slowMs: 100, options: { batchSize: 5 } }).catch((error) => error);
  await until('some are acked, and some are not', async () => {
    const [first] = await server.send('XPENDING', 'killed', 'g', '-', '+', 1).catch(() => []);
    const [oldest] = await server.send('XRANGE', 'killed', '-', '+', 'COUNT', 1);
    return first !== undefined && first[0] !== oldest[0];
  });
  workerd.kill();
  assert.ok((await killed) instanceof Error);
  await start(t);
  const left = await server.send('XPENDING', 'killed', 'g', '-', '+', 100);
  assert.ok(left.length > 0 && left.length < 100, `${left.length} are left`);
  const soon = await run({ stream: 'killed', options: { claimMinIdle: 60_000 } });
  assert.ok(
    soon.seen.every(([, deliveries]) => deliveries === 1),
    'it takes nothing over',
  );
  assert.equal(await pending('killed'), left.length);
  const claimMinIdle = 1000;
  await new Promise((resolve) => setTimeout(resolve, claimMinIdle));
  const later = await run({ stream: 'killed', options: { claimMinIdle } });
  assert.equal(later.seen.length, left.length);
  assert.ok(later.seen.every(([, deliveries]) => deliveries === 2));
  assert.equal(await pending('killed'), 0);
});

test('runs that overlap never get the entries of each other', async (t) => {
  await start(t);
  await fill('overlap', 200);
  const input = { stream: 'overlap', slowMs: 20, options: { batchSize: 10 } };
  const results = await Promise.all([run(input), run(input), run(input)]);
  assert.deepEqual(numbers(results), upTo(200));
  assert.ok(results.every(({ seen }) => seen.every(([, deliveries]) => deliveries === 1)));
  assert.equal(new Set(results.map(({ name }) => name)).size, 3);
  assert.equal(await pending('overlap'), 0);
});

test('a hundred runs leave no names behind', async (t) => {
  await start(t);
  const seen = [];
  for (let i = 0; i < 10; ++i) {
    await server.send('XADD', 'hundred', '*', 'n', i);
    seen.push(...(await Promise.all(Array.from({ length: 10 }, () => run({ stream: 'hundred' })))));
  }
  assert.equal(numbers(seen).length, 10);
  const consumers = await server.send('XINFO', 'CONSUMERS', 'hundred', 'g');
  assert.deepEqual(
    consumers.map((each) => each[1]),
    [],
  );
  assert.deepEqual(await server.send('KEYS', '{hundred}:lease*'), []);
});
