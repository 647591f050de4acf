// Cases of delivery: what is published is handed over, again where it was not acked, and to whoever is there.
import { numbered, numbers, same, take, takeAndAck, upTo } from './checks.mjs';

const isPending = async (send, stream) => same((await send('XPENDING', stream, 'g'))[0], 0, `pending in ${stream}`);

async function consume({ open }) {
  const client = await open();
  const payload = 'p'.repeat(250);
  const results = await client.publish(
    'many',
    numbered(1000).map((entry) => ({ ...entry, payload })),
  );
  same(
    results.filter((result) => result.error),
    [],
    'failed publishes',
  );
  const seen = [];
  for await (const batch of client.consumer({ stream: 'many', group: 'g', batchSize: 100, flushInterval: 50 })) {
    for (const entry of batch) same(entry.get('payload'), payload, entry.id);
    seen.push(...numbers(batch));
    batch.ack();
    await batch.confirmed();
    if (seen.length >= 1000) break;
  }
  same(seen, upTo(1000), 'entries, in their order');
}

async function nack({ open }) {
  const client = await open();
  await client.publish('nacked', numbered(4));
  const consumer = client.consumer({ stream: 'nacked', group: 'g', batchSize: 4, flushInterval: 5000 });
  const [first] = await take(consumer, 4);
  same(
    [...first].map((entry) => entry.deliveries),
    [1, 1, 1, 1],
    'deliveries',
  );
  const ids = [first.at(1).id, first.at(3).id];
  first.nack(ids, { delayMs: 10 });
  first.ack();
  const again = await takeAndAck(consumer, 2);
  same(
    again.map((entry) => [entry.id, entry.deliveries]),
    ids.map((id) => [id, 2]),
    'what comes again',
  );
}

const left = {
  /** A consumer read five entries, and its connection is gone. */
  async before(send) {
    for (const n of upTo(5)) await send('XADD', 'left', '*', 'n', n);
    await send('XGROUP', 'CREATE', 'left', 'g', '0');
    await send('XREADGROUP', 'GROUP', 'g', 'vanished', 'COUNT', '5', 'STREAMS', 'left', '>');
  },
  async run({ open }) {
    const client = await open({ claimMinIdle: 100, claimInterval: 50 });
    const consumer = client.consumer({ stream: 'left', group: 'g', consumer: 'other', flushInterval: 0 });
    const entries = await takeAndAck(consumer, 5);
    same(numbers(entries).sort(), upTo(5), 'entries taken over');
    same(
      entries.map((entry) => entry.deliveries),
      [2, 2, 2, 2, 2],
      'deliveries',
    );
  },
  after: (send) => isPending(send, 'left'),
};

async function tail({ open }) {
  const client = await open();
  const ids = (await client.publish('tailed', numbered(6))).map((result) => result.id);
  const reader = client.tail({ stream: 'tailed', from: ids[2] });
  const entries = async (count) => (await take(reader, count)).flatMap((batch) => batch.entries);
  same(numbers(await entries(3)), [3, 4, 5], 'entries behind the id');
  same(reader.cursors, [`tailed=${ids[5]}`], 'cursors');
  const { id } = await client.publish('tailed', { n: 6 });
  same((await entries(1))[0].id, id, 'a live entry');
}

async function pubsub({ openPubsub }) {
  const client = await openPubsub({ flushInterval: 0 });
  const consumer = client.consumer({ stream: 'news', group: 'g' });
  const ready = await consumer.ready();
  same([ready.delivery, ready.guarantee], ['pubsub', 'at_most_once'], 'what it says of itself');
  await client.publish('news', { text: 'ü😀', n: 1 });
  const [entry] = await takeAndAck(consumer, 1);
  same(
    entry.fields,
    [
      ['text', 'ü😀'],
      ['n', '1'],
    ],
    'fields',
  );
}

const runs = {
  async run({ open }) {
    const client = await open();
    await client.publish('run', numbered(200));
    const seen = [];
    const names = [];
    client.on('ready', (event) => names.push(event.consumer));
    const one = async () => {
      const consumer = client.consumer({ stream: 'run', group: 'g', consumer: 'job', batchSize: 10 });
      const handle = async (batch) => {
        seen.push(...numbers(batch));
        await new Promise((resolve) => setTimeout(resolve, 5));
      };
      return consumer.run(handle, { budgetMs: 20_000, until: 'empty' });
    };
    const results = await Promise.all([one(), one()]);
    same(
      results.map(({ ended, failed, held }) => [ended, failed, held]),
      [
        ['empty', 0, 0],
        ['empty', 0, 0],
      ],
      'ends',
    );
    same(
      seen.sort((a, b) => a - b),
      upTo(200),
      'entries, each once',
    );
    same(names.sort(), ['job-1', 'job-2'], 'names');
  },
  async after(send) {
    await isPending(send, 'run');
    same(await send('XINFO', 'CONSUMERS', 'run', 'g'), [], 'names that stay');
    same(await send('KEYS', '{run}:lease*'), [], 'leases that stay');
  },
};

async function reject({ open }) {
  const client = await open({ flushInterval: 0 });
  const told = new Promise((resolve) => client.on('deadLettered', resolve));
  const { id } = await client.publish('rejected', { n: 0 });
  const [batch] = await take(client.consumer({ stream: 'rejected', group: 'g' }), 1);
  batch.reject(new Error('no such item'));
  const dead = await told;
  same([dead.id, dead.error, dead.deliveries], [id, 'no such item', 1], 'what is told of it');
  const letters = await client.dead('rejected');
  same(
    letters.map((letter) => [letter.id, letter.fields]),
    [[id, [['n', '0']]]],
    'dead letters',
  );
}

export const delivery = [
  { name: 'publish, consume, ack 1,000 entries', run: consume, after: (send) => isPending(send, 'many') },
  { name: 'nack, and delivered again', run: nack, after: (send) => isPending(send, 'nacked') },
  { name: 'recovery of what a vanished client held', ...left },
  { name: 'tail from an id', run: tail },
  { name: 'reject: a dead letter', run: reject, after: (send) => isPending(send, 'rejected') },
  { name: 'two runs with a budget, until empty', ...runs },
  { name: 'Pub/Sub, where there are no Streams', run: pubsub },
];
