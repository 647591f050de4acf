// Cases of values: whatever bytes they are and however many, they come back unchanged, or there is a typed error.
import { fails, numbers, patterned, same, sameBytes, take, takeAndAck } from './checks.mjs';

const megabytes = 1_000_000;

async function anyBytes(host) {
  const client = await host.open({ flushInterval: 0 });
  const all = patterned(256).map((_, i) => i);
  const texts = ['', '\0', 'a\r\nb', 'ü', '\u{1f600}\u{1f468}\u200d\u{1f469}', '\ufeffmark', '\ufffd'];
  await client.publish('bytes', [
    [
      [all, all],
      ['text', 'after it'],
      ['empty', new Uint8Array(0)],
    ],
    texts.map((text) => [text, text]),
  ]);
  const [first, second] = await takeAndAck(client.consumer({ stream: 'bytes', group: 'g', batchSize: 2 }), 2);
  const [[name, value], , [, empty]] = first.byteFields;
  sameBytes(name, all, 'a name of all bytes');
  sameBytes(value, all, 'a value of all bytes');
  sameBytes(empty, new Uint8Array(0), 'no bytes');
  same(first.get('text'), 'after it', 'a text behind them');
  same(
    second.fields,
    texts.map((text) => [text, text]),
    'texts',
  );
  for (const text of ['\ud800', 'a\udc00b']) {
    await fails(host, 'bad_argument', () => client.publish('bytes', { text }), 'a lone surrogate');
  }
  await client.publish('bytes', { text: 'goes on' });
}

async function manyFields({ open }) {
  const client = await open({ flushInterval: 0 });
  const fields = Array.from({ length: 10_000 }, (_, n) => [`name ${n % 5000}`, `value ${n}`]);
  await client.publish('fields', fields);
  const [entry] = await takeAndAck(client.consumer({ stream: 'fields', group: 'g' }), 1);
  same(entry.size, fields.length, 'fields');
  same(entry.fields, fields, 'names and values, with repeats');
  same(entry.get('name 4999'), 'value 4999', 'the first of a name');
}

async function large({ open }, stream, size, options) {
  const client = await open({ flushInterval: 0, ...options });
  const value = patterned(size);
  await client.publish(stream, { value, text: 'ü\u{1f600}' });
  const [entry] = await takeAndAck(client.consumer({ stream, group: 'g' }), 1);
  sameBytes(entry.bytes('value'), value, 'the value');
  same(entry.get('text'), 'ü\u{1f600}', 'a text behind it');
}

const raised = { maxMessageBytes: '80MiB', publishQueueBytes: '80MiB', prefetchBytes: '80MiB' };

async function pastTheLimit(host) {
  const publisher = await host.open();
  const client = await host.open({ flushInterval: 0, maxMessageBytes: '1MiB' });
  const value = patterned(2 * megabytes);
  const told = new Promise((resolve) => client.on('tooLarge', resolve));
  await publisher.publish('past', { n: 0 });
  const { id } = await publisher.publish('past', { n: 1, value });
  await publisher.publish('past', { n: 2 });
  const consumer = client.consumer({ stream: 'past', group: 'g', consumer: 'me' });
  const seen = [];
  while (seen.length < 2) {
    const [batch] = await take(consumer, 1);
    seen.push(...numbers(batch));
    batch.ack();
    await batch.confirmed();
  }
  same(seen, [0, 2], 'what is handed over');
  const event = await told;
  same([event.stream, event.id], ['past', id], 'what is told of the large one');
  if (!(event.bytes >= value.length)) throw new Error(`its size is told as ${event.bytes}`);
  await fails(host, 'too_large', () => client.publish('past', { value }), 'a publish past the limit');
  await client.publish('past', { n: 3 });
  same(numbers(await takeAndAck(consumer, 1)), [3], 'the consumer goes on');
}

export const values = [
  { name: 'bytes 0x00 to 0xff, emoji, lone surrogates', run: anyBytes },
  { name: '10,000 fields', run: manyFields },
  { name: 'a value of 16 MB', run: (host) => large(host, 'large', 16 * megabytes) },
  { name: 'a value of 64 MB, maxMessageBytes raised', run: (host) => large(host, 'larger', 64 * megabytes, raised) },
  { name: 'a value past maxMessageBytes', run: pastTheLimit },
];
