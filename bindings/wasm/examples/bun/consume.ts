// bun run consume.ts
import { connect } from 'millrace';

const client = await connect(process.env.REDIS_URL ?? 'redis://127.0.0.1:6379', { flushInterval: '200ms' });
process.once('SIGTERM', () => client.drain());

for await (const batch of client.consumer({ stream: 'orders', group: 'billing', consumer: 'bun-1' })) {
  for (const entry of batch) console.log(entry.id, entry.get('item') ?? '');
  batch.ack();
}
await client.close();
