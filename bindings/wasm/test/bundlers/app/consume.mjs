// What runs where an author has neither sockets nor a page: a worker of a page, or a function at the edge. It consumes a
// stream through a bridge, and is started by a call or by a message.
import { connect, webSocketTransport } from 'millrace';

globalThis.consume = async ({ bridge, protocols, stream, wasm, WebSocket }) => {
  const transport = webSocketTransport({ url: bridge, protocols, WebSocket });
  const client = await connect({ transport, wasm, flushInterval: 0 });
  const seen = [];
  const result = await client.consumer({ stream, group: 'g', consumer: 'edge' }).run(
    (batch) => {
      for (const entry of batch) seen.push(entry.get('item'));
    },
    { until: 'empty', budgetMs: 10_000 },
  );
  await client.close();
  return { seen, ended: result.ended };
};

globalThis.onmessage = async ({ data }) => {
  globalThis.postMessage(await globalThis.consume(data).catch((error) => ({ failed: `${error?.stack ?? error}` })));
};
