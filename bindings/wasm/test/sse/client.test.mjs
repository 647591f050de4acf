// Server-sent events of real tails and consumers, from a real Redis.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { connect } from 'millrace';
import { eventStream } from '../../dist/lib/sse.js';
import { startRedis, until } from '../bridge/fixture.mjs';
import { interpret } from './interpret.mjs';

let redis;
let client;
before(async () => {
  redis = await startRedis();
  client = await connect(redis.url, { flushInterval: 0, block: '200ms' });
});
after(async () => {
  await client.close({ timeoutMs: 1000 });
  await redis.stop();
});

function ask(lastEventId) {
  return new Request('http://localhost/', {
    headers: lastEventId === undefined ? {} : { 'last-event-id': lastEventId },
  });
}

/** Reads like a page: what it saw, and the last id, also of a message without data. */
async function page(response, untilSeen) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  while (!untilSeen(text)) {
    const { done, value } = await reader.read();
    if (done) break;
    text += value;
  }
  await reader.cancel();
  return { events: interpret(text), lastId: [...text.matchAll(/^id: (.*)$/gm)].at(-1)?.[1] };
}

const tailOf =
  (streams, from = 'new') =>
  (cursors) =>
    client.tail({ streams, from, ...(cursors === undefined ? {} : { cursors }) });

test('a page that leaves again and again sees every entry of two streams, once', { timeout: 60_000 }, async () => {
  const streams = ['sse-a', 'sse,b'];
  const total = 200;
  const options = { streams, open: tailOf(streams), data: (entry) => `${entry.stream}:${entry.get('n')}` };
  // From now on: the first visit is over before anything was written.
  let { lastId } = await page(eventStream(ask(), options), (text) => text.includes('id: '));
  const writing = (async () => {
    for (let n = 0; n < total; ++n) await client.publish(streams[n % 2], { n: String(n) });
  })();
  const seen = [];
  let visits = 0;
  while (seen.length < total) {
    ++visits;
    const some = (text) => interpret(text).length >= Math.min(1 + (visits % 9), total - seen.length);
    const visit = await page(eventStream(ask(lastId), options), some);
    for (const { data, id } of visit.events) {
      seen.push(data);
      lastId = id;
    }
  }
  await writing;
  assert.ok(visits > 5, `${visits} visits`);
  for (const [i, stream] of streams.entries()) {
    const ns = seen.filter((data) => data.startsWith(`${stream}:`)).map((data) => Number(data.split(':')[1]));
    assert.deepEqual(
      ns,
      Array.from({ length: total / 2 }, (_, n) => 2 * n + i),
      stream,
    );
  }
});

test('what was trimmed while the page was away is told as a gap', { timeout: 30_000 }, async () => {
  const ids = [];
  for (let n = 0; n < 5; ++n) ids.push((await client.publish('sse-gap', { n: String(n) })).id);
  const options = { streams: 'sse-gap', open: tailOf(['sse-gap']), client };
  const [first] = ids;
  await client.publisher({ maxLen: 2, maxLenExact: true }).publish('sse-gap', { n: '5' });
  const { events } = await page(eventStream(ask(first), options), (text) => interpret(text).length >= 3);
  const [gap] = events.filter(({ type }) => type === 'gap');
  assert.deepEqual(JSON.parse(gap.data), { stream: 'sse-gap', cursor: first, first: ids[4] });
  const entries = events.filter(({ type }) => type === 'message');
  assert.deepEqual(
    entries.map(({ data }) => JSON.parse(data).fields.n),
    ['4', '5'],
  );
});

test('a consumer acks what the page took; the rest is for the next', { timeout: 30_000 }, async () => {
  for (let n = 0; n < 6; ++n) await client.publish('sse-c', { n: String(n), pad: 'x'.repeat(20_000) });
  const keys = { stream: 'sse-c', group: 'pages', consumer: 'page', batchSize: 2, prefetch: 2 };
  const options = { streams: 'sse-c', open: () => client.consumer(keys), ack: true };
  const first = await page(eventStream(ask(), options), (text) => interpret(text).length >= 3);
  const numbers = ({ events }) => events.map(({ data }) => JSON.parse(data).fields.n);
  assert.deepEqual(numbers(first), ['0', '1', '2']);
  const rest = await page(eventStream(ask(), options), (text) => interpret(text).length >= 4);
  assert.deepEqual(numbers(rest), ['2', '3', '4', '5']);
});

test('a page that has gone leaves no reader', { timeout: 30_000 }, async () => {
  const readers = () => client.health().sources.length;
  await until('readers of other tests are gone', () => readers() === 0);
  const abort = new AbortController();
  const request = new Request('http://localhost/', { signal: abort.signal });
  const reading = eventStream(request, { streams: 'sse-gone', open: tailOf(['sse-gone']) }).text();
  await until('it reads', () => readers() === 1);
  abort.abort();
  await reading;
  await until('it reads no more', () => readers() === 0);
});
