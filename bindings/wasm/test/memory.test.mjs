// What stays in memory: nothing of what was handled, and of what was kept no more than itself. MILLRACE_ENTRIES sets
// how many entries go through (default 100,000).
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import { clientFor } from './support/client.mjs';
import { startServer } from './support/server.mjs';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');
const entries = Number(process.env.MILLRACE_ENTRIES ?? 100_000);
const batchSize = 50;
const payload = 'p'.repeat(250);
let server;
let memory;

before(async () => {
  server = await startServer();
  // The module's memory is nobody's business but the loader's, so it is caught where it is made.
  const { instantiate } = WebAssembly;
  WebAssembly.instantiate = async (...args) => {
    const instance = await instantiate(...args);
    memory = Object.values(instance.exports).find((each) => each instanceof WebAssembly.Memory);
    return instance;
  };
});
after(() => server.stop());

/** Bytes, once collecting frees no more: buffers are given back some time after what held them. */
async function used() {
  for (let last = Infinity; ; ) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    collect();
    const { heapUsed, arrayBuffers, external } = process.memoryUsage();
    const bytes = heapUsed + Math.max(arrayBuffers, external);
    if (Math.abs(last - bytes) < 50_000) return bytes;
    last = bytes;
  }
}

async function consume(t, stream, count, keep) {
  const client = await clientFor(t, server.url);
  const chunk = Array.from({ length: 1000 }, () => ({ payload }));
  const consumer = client.consumer({ stream, group: 'g', batchSize });
  let published = 0;
  let seen = 0;
  let warm;
  while (seen < count) {
    if (published < count && published - seen < 2000) {
      await client.publish(stream, chunk);
      published += chunk.length;
    }
    const batch = await consumer.next({ timeoutMs: 10_000 });
    assert.ok(batch, `${seen} of ${count} came`);
    keep(batch);
    batch.ack();
    seen += batch.length;
    warm ??= seen >= count / 2 ? memory.buffer.byteLength : undefined;
  }
  const end = memory.buffer.byteLength;
  await client.close();
  memory = undefined;
  return { warm, end };
}

test('the memory of the module does not grow with what goes through', async (t) => {
  const { warm, end } = await consume(t, 'through', entries, (batch) =>
    assert.equal(batch.at(0).get('payload'), payload),
  );
  // How much is in flight at once is a matter of chance, and memory grows in steps of a fifth. An entry has a record of 64
  // bytes and its own: of those of the second half that would be more than this many times over.
  assert.ok(end - warm <= 1024 * 1024, `from ${warm} to ${end} bytes`);
});

test('an id, and a text, kept of each batch keep nothing else', async (t) => {
  const kept = [];
  await consume(t, 'kept', 2000 * batchSize, (batch) =>
    kept.push(batch.at(0).id, batch.at(1).get('payload').slice(0, 40)),
  );
  await server.send('DEL', 'kept');
  assert.equal(kept.length, 4000);
  // What they keep is what goes with them; a client that was closed goes when it likes.
  const all = await used();
  kept.length = 0;
  const bytes = all - (await used());
  assert.ok(bytes > 100_000 && bytes < 5_000_000, `${bytes} bytes are kept`);
});

test('an open client keeps nothing of what was acked, and of what was published', async (t) => {
  const client = await clientFor(t, server.url);
  const consumer = client.consumer({ stream: 'open', group: 'g', batchSize });
  const round = async () => {
    await client.publish('open', Array.from({ length: 1000 }, () => ({ payload })));
    for (let seen = 0; seen < 1000; ) {
      const batch = await consumer.next({ timeoutMs: 10_000 });
      batch.ack();
      await batch.confirmed();
      seen += batch.length;
    }
  };
  for (let i = 0; i < 5; ++i) await round();
  const before = await used();
  for (let i = 0; i < 20; ++i) await round();
  await server.send('DEL', 'open');
  const bytes = (await used()) - before;
  // Each batch has 16 KB of its own, and each publish of a round 300 KB.
  assert.ok(bytes < 2_000_000, `${bytes} bytes are kept`);
});
