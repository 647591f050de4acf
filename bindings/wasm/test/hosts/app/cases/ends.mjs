// Cases of how clients begin and end: misuse, drains, connections that can not be made, TLS.
import { fails, numbered, same, take } from './checks.mjs';

const drain = {
  async run({ open }) {
    const client = await open({ consumerLease: true, flushInterval: 0 });
    await client.publish('drained', numbered(3));
    const consumer = client.consumer({ stream: 'drained', group: 'g', batchSize: 3 });
    const batches = await take(consumer, 3);
    const draining = client.drain({ timeoutMs: 10_000 });
    same(await consumer.next(), undefined, 'a batch after the drain');
    for (const batch of batches) batch.ack();
    same(await draining, 0, 'held after the drain');
    await client.close();
  },
  async after(send) {
    same((await send('XPENDING', 'drained', 'g'))[0], 0, 'pending');
    same(await send('XINFO', 'CONSUMERS', 'drained', 'g'), [], 'names that stay');
    same(await send('KEYS', '{drained}:lease*'), [], 'leases that stay');
  },
};

async function misuse(host) {
  await fails(host, 'bad_config', () => host.open({ batchSize: 0 }), 'an option that is not allowed');
  await fails(host, 'bad_config', () => host.open({ bachSize: 1 }), 'an option that there is not');
  const client = await host.open({ flushInterval: 0 });
  await fails(host, 'bad_argument', () => client.publish('misused', {}), 'an entry without fields');
  await client.publish('misused', numbered(1));
  const [batch] = await take(client.consumer({ stream: 'misused', group: 'g' }), 1);
  const entry = batch.at(0);
  await fails(host, 'bad_argument', () => batch.ack('1-1'), 'an id of no entry');
  batch.release();
  await fails(host, 'closed', () => entry.get('n'), 'an entry after its release');
  await client.close();
  same(await client.close(), 0, 'a second close');
  await fails(host, 'closed', () => batch.ack(), 'ack after close');
  await fails(host, 'closed', () => client.publish('misused', { n: 1 }), 'publish after close');
  await fails(host, 'closed', () => client.consumer({ stream: 'misused' }), 'consumer after close');
  await fails(host, 'closed', () => client.tail({ stream: 'misused' }), 'tail after close');
  await fails(host, 'closed', () => client.metrics(), 'metrics after close');
}

/** The reason of the first connection that could not be made. */
async function reasonOf(client) {
  const reason = new Promise((resolve) => client.on('disconnected', (event) => resolve(event.reason)));
  client.consumer({ stream: 'nowhere', group: 'g' });
  const told = await reason;
  await client.close({ timeoutMs: 100 });
  return told;
}

async function refused({ openRefused, expects }) {
  same(await reasonOf(await openRefused()), expects.refused, 'why nothing connects');
}

async function tls({ openTls }) {
  const client = await openTls({ flushInterval: 0 });
  await client.publish('secure', { text: 'ü' });
  const [batch] = await take(client.consumer({ stream: 'secure', group: 'g' }), 1);
  same(batch.at(0).get('text'), 'ü', 'a text');
  batch.ack();
  await batch.confirmed();
}

async function unknownAuthority({ openTls }) {
  same(await reasonOf(await openTls({ tls: {} })), 'tls_unknown_authority', 'why nothing connects');
}

/** Given up in time, and nothing of it stays open: each attempt would leave a socket behind. */
const silentServer = {
  async run({ openSilent }) {
    same(await reasonOf(await openSilent({ connectionTimeout: 100 })), 'timeout', 'why nothing connects');
  },
  async after(_, { untilSilent }) {
    await untilSilent();
  },
};

export const ends = [
  { name: 'drain: nothing held, no name left', ...drain },
  { name: 'misuse, use after release and close', run: misuse },
  { name: 'a connection that is refused', run: refused },
  { name: 'TLS', run: tls },
  { name: 'TLS by an authority that nobody knows', run: unknownAuthority },
  { name: 'TLS with a server that says nothing', ...silentServer },
];
