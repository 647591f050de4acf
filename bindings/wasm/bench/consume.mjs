// Consuming side by side, in one run: npm run bench [-- --entries=200000 --rounds=3]. Everybody reads the same stream
// from one server in a group of their own, reads `payload` of each entry as text, and acks every batch. Each
// measurement is a process of its own; the table has medians, and how many times as fast as each of the others we are.
import { execFileSync } from 'node:child_process';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { startServer } from '../test/support/server.mjs';

const payload = 'x'.repeat(250);
const stream = 'bench';

const readers = {
  async millrace({ port, size, count, group }) {
    const { connect } = await import('millrace');
    const client = await connect(`redis://127.0.0.1:${port}`, { batchSize: size });
    const consumer = client.consumer({ stream, group });
    await consumer.ready();
    let seen = 0;
    let bytes = 0;
    const start = performance.now();
    for await (const batch of consumer) {
      for (const entry of batch) bytes += entry.get('payload').length;
      batch.ack();
      seen += batch.length;
      if (seen >= count) {
        await batch.confirmed();
        break;
      }
    }
    const ms = performance.now() - start;
    await client.close();
    return { ms, bytes };
  },
  async 'node-redis'({ port, size, count, group }) {
    const { createClient } = await import('redis');
    const client = createClient({ url: `redis://127.0.0.1:${port}` });
    await client.connect();
    await client.xGroupCreate(stream, group, '0');
    let bytes = 0;
    const start = performance.now();
    for (let seen = 0; seen < count;) {
      const [{ messages }] = await client.xReadGroup(
        group,
        'me',
        { key: stream, id: '>' },
        { COUNT: size, BLOCK: 1000 },
      );
      for (const { message } of messages) bytes += message.payload.length;
      await client.xAck(
        stream,
        group,
        messages.map(({ id }) => id),
      );
      seen += messages.length;
    }
    const ms = performance.now() - start;
    client.destroy();
    return { ms, bytes };
  },
  async ioredis({ port, size, count, group }) {
    const { default: Redis } = await import('ioredis');
    const client = new Redis(port, '127.0.0.1');
    await client.xgroup('CREATE', stream, group, '0');
    let bytes = 0;
    const start = performance.now();
    for (let seen = 0; seen < count;) {
      const words = ['GROUP', group, 'me', 'COUNT', size, 'BLOCK', 1000, 'STREAMS', stream, '>'];
      const [[, entries]] = await client.xreadgroup(...words);
      for (const [, fields] of entries) bytes += fields[1].length;
      await client.xack(stream, group, ...entries.map(([id]) => id));
      seen += entries.length;
    }
    const ms = performance.now() - start;
    client.disconnect();
    return { ms, bytes };
  },
};

function median(values) {
  return values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
}

async function main() {
  const { values } = parseArgs({
    options: {
      entries: { type: 'string', default: '200000' },
      rounds: { type: 'string', default: '3' },
      read: { type: 'string' },
    },
  });
  if (values.read) {
    const { who, ...what } = JSON.parse(values.read);
    console.log(JSON.stringify(await readers[who](what)));
    return;
  }
  const count = Number(values.entries);
  const { connect } = await import('millrace');
  const server = await startServer();
  const client = await connect(server.url);
  const chunk = Array.from({ length: 1000 }, () => ({ payload }));
  for (let sent = 0; sent < count; sent += chunk.length) await client.publish(stream, chunk);
  await client.close();
  const names = Object.keys(readers);
  for (const size of [100, 10]) {
    const rates = Object.fromEntries(names.map((name) => [name, []]));
    for (let round = 0; round < Number(values.rounds); ++round) {
      for (const who of names) {
        const what = JSON.stringify({ who, port: server.port, size, count, group: `${who}-${size}-${round}` });
        const said = execFileSync(process.execPath, [fileURLToPath(import.meta.url), `--read=${what}`], {
          encoding: 'utf8',
        });
        const { ms, bytes } = JSON.parse(said);
        if (bytes !== count * payload.length) throw new Error(`${who} read ${bytes} bytes`);
        rates[who].push((count / ms) * 1000);
        await server.send('XGROUP', 'DESTROY', stream, `${who}-${size}-${round}`);
      }
    }
    const ours = median(rates.millrace);
    for (const who of names) {
      const rate = median(rates[who]);
      console.log(`batch ${size}  ${who.padEnd(10)}  ${Math.round(rate)} entries/s  ${(ours / rate).toFixed(2)}`);
    }
  }
  await server.stop();
}

await main();
