// A worker: entries of a group, several at once, those of one account in their order. SIGTERM lets it finish what it has.
//   REDIS_URL=redis://127.0.0.1:6379 node worker.mjs
import { connect } from 'millrace';

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => stop.abort());

const client = await connect(process.env.REDIS_URL ?? 'redis://127.0.0.1:6379', { flushInterval: '200ms' });
client.on('log', ({ level, message }) => console.error(level, message));

const consumer = client.consumer({ stream: 'orders', group: 'billing', consumer: process.env.NAME ?? 'billing-1' });
const result = await consumer.run(
  async (batch) => {
    for (const entry of batch) console.log(entry.id, entry.get('item') ?? '');
  },
  { concurrency: 4, orderBy: (entry) => entry.get('account'), signal: stop.signal },
);
console.log(`${result.entries} entries, ${result.failed} failures, ${result.held} stay pending`);
await client.close();
