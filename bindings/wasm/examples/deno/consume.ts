// deno run --allow-net --allow-env consume.ts
import { connect } from 'millrace';

const client = await connect(Deno.env.get('REDIS_URL') ?? 'redis://127.0.0.1:6379', { flushInterval: '200ms' });
Deno.addSignalListener('SIGTERM', () => client.drain());

for await (const batch of client.consumer({ stream: 'orders', group: 'billing', consumer: 'deno-1' })) {
  for (const entry of batch) console.log(entry.id, entry.get('item') ?? '');
  batch.ack();
}
await client.close();
