// A worker with a cron trigger that consumes what has come, and an event stream for pages at /events.
import { connect } from 'millrace';
import { eventStream } from 'millrace/sse';

export default {
  /** Each minute: everything that waits, within 25 seconds. What a killed run leaves comes in a later one. */
  async scheduled(event, env) {
    const client = await connect(env.REDIS_URL);
    const consumer = client.consumer({ stream: 'orders', group: 'billing', consumer: 'worker' });
    const result = await consumer.run(
      async (batch) => {
        for (const entry of batch) console.log(entry.id, entry.get('item') ?? '');
      },
      { budgetMs: 25_000, until: 'empty' },
    );
    console.log(JSON.stringify(result));
    await client.close();
  },

  async fetch(request, env, context) {
    if (new URL(request.url).pathname !== '/events') return new Response('GET /events\n', { status: 404 });
    const client = await connect(env.REDIS_URL, { flushInterval: 0 });
    return eventStream(request, {
      streams: 'orders',
      client,
      open: (cursors, signal) => {
        signal.addEventListener('abort', () => context.waitUntil(client.close()));
        return client.tail({ stream: 'orders', from: 'new', ...(cursors && { cursors }) });
      },
    });
  },
};
