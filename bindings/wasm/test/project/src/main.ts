// A program as its author writes it, which only has to compile: every part of the API by its types.
import { Client, connect, MillraceError, webSocketTransport } from 'millrace';
import type { Batch, ClientEvents, ConnectOptions, Entry, ErrorCode, RunResult, SourceOptions } from 'millrace';

const options: ConnectOptions = {
  url: 'rediss://localhost',
  batchSize: 100,
  flushInterval: '500ms',
  maxMessageBytes: '64MiB',
  tls: { serverName: 'redis', verify: true },
  mode: 'streams',
  protocol: 3,
};
const source: SourceOptions = { streams: ['orders', 'refunds'], group: 'billing', claimMinIdle: 30_000 };

async function consume(client: Client, signal: AbortSignal): Promise<void> {
  await using consumer = client.consumer(source);
  for await (const batch of consumer) {
    for (const entry of batch) {
      const id: string = entry.id;
      const payload: string | undefined = entry.get('payload');
      const bytes: Uint8Array | undefined = entry.bytes('payload');
      const order = entry.json<{ item: string }>('payload');
      console.log(id, payload, bytes?.length, order?.item, entry.fields.length, entry.deliveries);
    }
    batch.ack([batch.at(0)!.id]);
    batch.nack(batch.entries.slice(1, 2), { delayMs: 100 });
    batch.reject('no such item', batch.entries[2]);
    batch.giveBack();
    await batch.confirmed();
  }
  const one: Batch | undefined = await consumer.next({ timeoutMs: 5, signal });
  console.log(one?.length, consumer.health().lag);
}

async function work(client: Client, signal: AbortSignal): Promise<RunResult> {
  return client.consumer(source).run(async (batch, context) => console.log(batch.length, context.signal.aborted), {
    concurrency: 8,
    orderBy: (entry: Entry) => entry.get('account'),
    signal,
    budgetMs: 30_000,
    until: 'empty',
  });
}

async function publish(client: Client): Promise<void> {
  const { id } = await client.publish('orders', { item: 'tea', count: 3 });
  const results = await client.publisher({ maxLen: 1000 }).publish('orders', [{ item: 'tea' }, [['item', 'milk']]]);
  for (const result of results) {
    const code: ErrorCode | undefined = result.error?.code;
    console.log(id, result.id, code, result.maybeDuplicate);
  }
  // @ts-expect-error: an entry's values are texts, bytes or numbers
  await client.publish('orders', { item: new Date() });
  // @ts-expect-error: there is no such option
  client.publisher({ maxLength: 5 });
}

async function main(): Promise<void> {
  await using client = await connect(options);
  const stop = client.on('gap', (gap: ClientEvents['gap']) => console.log(gap.missed, gap.first));
  client.on('log', ({ level, message }) => console.log(level, message));
  stop();
  const { signal } = new AbortController();
  try {
    await consume(client, signal);
    await work(client, signal);
    await publish(client);
  } catch (error) {
    if (error instanceof MillraceError && error.retryable) console.log(error.code, error.kind, error.advice);
  }
  for await (const batch of client.tail({ stream: 'orders', from: 'last:10' })) console.log(batch.length);
  for (const letter of await client.dead('orders')) await client.redrive('orders', [letter.deadId]);
  await client.drain({ timeoutMs: 1000 });
}

const apart: Promise<Client> = connect({ host: 'redis', port: 6380 });
const bridged: Promise<Client> = connect('redis://ignored', {
  transport: webSocketTransport({ url: 'wss://bridge.example', protocols: ['token.abc'] }),
});

await Promise.all([main(), apart, bridged]);

// @ts-expect-error: it is made by `connect`
export const byHand = (): Client => new Client();
