// What every host must be able to do; told as data, so that a test compares it wherever it ran.
import { connect } from 'millrace';

const count = 1000;
const large = 4 * 1024 * 1024;

async function consumeAll(client) {
  const payload = 'p'.repeat(250);
  const results = await client.publish(
    'many',
    Array.from({ length: count }, (_, n) => ({ n, payload })),
  );
  const consumer = client.consumer({ stream: 'many', group: 'g', batchSize: 100, flushInterval: 50 });
  const seen = [];
  for await (const batch of consumer) {
    for (const entry of batch) {
      if (entry.get('payload') !== payload) throw new Error(`${entry.id} has another payload`);
      seen.push(Number(entry.get('n')));
    }
    batch.ack();
    await batch.confirmed();
    if (seen.length === count) break;
  }
  return {
    published: results.filter((result) => !result.error).length,
    inOrder: seen.every((n, i) => n === i) && seen.length === count,
  };
}

/** More than any socket takes at once. */
async function roundTrip(client) {
  const bytes = new Uint8Array(large);
  for (let i = 0; i < large; ++i) bytes[i] = (i * 31) ^ (i >> 8);
  await client.publish('large', { bytes, text: 'ü😀' });
  const consumer = client.consumer({ stream: 'large', group: 'g', flushInterval: 0 });
  const batch = await consumer.next({ timeoutMs: 20_000 });
  const back = batch.at(0).bytes('bytes');
  batch.ack();
  await batch.confirmed();
  await consumer.close();
  return { text: batch.at(0).get('text'), same: back.length === large && back.every((byte, i) => byte === bytes[i]) };
}

async function runUntilEmpty(client) {
  await client.publish('run', [{ n: 0 }, { n: 1 }, { n: 2 }]);
  let entries = 0;
  const result = await client
    .consumer({ stream: 'run', group: 'g' })
    .run((batch) => void (entries += batch.length), { until: 'empty', budgetMs: 20_000 });
  return { ended: result.ended, entries, held: result.held };
}

async function reasonFor(url, options) {
  const client = await connect(url, { maxRetries: 0, ...options });
  const reason = new Promise((resolve) => client.on('disconnected', (event) => resolve(event.reason)));
  client.consumer({ stream: 's', group: 'g' });
  const told = await reason;
  await client.close({ timeoutMs: 100 });
  return told;
}

export async function story({ url, refusedUrl, tls, options = {} }) {
  const client = await connect(url, options);
  const told = {
    consume: await consumeAll(client),
    large: await roundTrip(client),
    run: await runUntilEmpty(client),
    wrong: await connect({ batchSize: 0 }).then(String, (error) => error.code),
  };
  told.held = await client.close();
  told.after = await client.publish('many', { a: 1 }).then(String, (error) => error.code);
  if (refusedUrl) told.refused = await reasonFor(refusedUrl, options);
  if (tls) {
    const secure = await connect(tls.url, { tls: { ca: tls.ca } });
    told.tls = (await secure.publish('secure', { a: 1 })).id !== '';
    await secure.close();
    told.unknownAuthority = await reasonFor(tls.url, {});
  }
  return told;
}
