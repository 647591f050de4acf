// The Response: what is read and when, how it resumes, and that nothing is left when the page leaves. The sources are
// made by hand; tests with the module are elsewhere.
import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { test } from 'node:test';
import { eventStream } from '../../dist/lib/sse.js';
import { interpret } from './interpret.mjs';

const entry = (id, fields = [['n', id]], stream = 'orders') => ({ id, stream, fields });

/** Hands over what is pushed, and tells what was asked of it. */
class Source {
  taken = 0;
  closed = false;
  acked = [];
  cursors = [];
  #queue = [];
  #waiter;
  #isReady = Promise.withResolvers?.() ?? resolvers();

  push(...entries) {
    const batch = Object.assign([...entries], { ack: () => this.acked.push(entries.map(({ id }) => id)) });
    this.#queue.push({ value: batch, done: false });
    this.#serve();
  }
  fail(error) {
    this.#queue.push(Promise.reject(error));
    this.#queue.at(-1).catch(() => undefined);
    this.#serve();
  }
  finish() {
    this.#queue.push({ value: undefined, done: true });
    this.#serve();
  }
  becomesReady(cursors, source = 1) {
    this.cursors = cursors;
    this.#isReady.resolve({ source });
  }
  ready() {
    return this.#isReady.promise;
  }
  #serve() {
    if (this.#waiter === undefined || this.#queue.length === 0) return;
    ++this.taken;
    this.#waiter(this.#queue.shift());
    this.#waiter = undefined;
  }
  [Symbol.asyncIterator]() {
    return {
      next: () =>
        new Promise((resolve) => {
          this.#waiter = resolve;
          this.#serve();
        }),
      return: async () => {
        this.closed = true;
        this.#waiter?.({ value: undefined, done: true });
        return { value: undefined, done: true };
      },
    };
  }
}

function resolvers() {
  const all = {};
  all.promise = new Promise((resolve, reject) => Object.assign(all, { resolve, reject }));
  return all;
}

function ask(headers = {}, signal = undefined) {
  return new Request('http://localhost/events', { headers, signal });
}

function reader(response) {
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let text = '';
  return {
    cancel: () => reader.cancel(),
    /** All that has come, once it holds so many events. */
    async events(count) {
      while (interpret(text).length < count) {
        const { done, value } = await reader.read();
        if (done) throw new Error(`over after ${JSON.stringify(text)}`);
        text += decoder.decode(value, { stream: true });
      }
      return interpret(text);
    },
    async chunk() {
      const { done, value } = await reader.read();
      return done ? undefined : decoder.decode(value, { stream: true });
    },
  };
}

test('entries become events, with ids and JSON', async () => {
  const source = new Source();
  const response = eventStream(ask(), { streams: 'orders', open: () => source });
  assert.equal(response.headers.get('content-type'), 'text/event-stream');
  assert.equal(response.headers.get('cache-control'), 'no-store');
  const read = reader(response);
  source.push(entry('1-0', [['a', 'x\ny']]), entry('2-0'));
  const [first, second] = await read.events(2);
  assert.deepEqual(JSON.parse(first.data), { id: '1-0', stream: 'orders', fields: { a: 'x\ny' } });
  assert.deepEqual([first.id, second.id], ['1-0', '2-0']);
  await read.cancel();
});

test('event and data are mapped; an entry without data is passed over, its place is not', async () => {
  const source = new Source();
  const options = {
    streams: ['orders', 'pay'],
    open: () => source,
    event: (each) => (each.stream === 'pay' ? 'paid' : undefined),
    data: (each) => (each.id === '2-0' ? undefined : `line 1\rline 2 of ${each.id}`),
  };
  const read = reader(eventStream(ask(), options));
  source.push(entry('1-0'), entry('2-0'), entry('7-0', [], 'pay'));
  assert.deepEqual(await read.events(2), [
    { type: 'message', data: 'line 1\nline 2 of 1-0', id: 'orders=1-0' },
    { type: 'paid', data: 'line 1\nline 2 of 7-0', id: 'orders=2-0,pay=7-0' },
  ]);
  await read.cancel();
});

test('a page that comes again goes on behind its last event', async () => {
  const opened = [];
  const open = (cursors) => (opened.push(cursors), new Source());
  for (const [streams, id] of [
    ['orders', '5-1'],
    [['a', 'b'], 'a=5-1,b=6-0'],
    ['orders', ''],
  ]) {
    const response = eventStream(ask(id === '' ? {} : { 'last-event-id': id }), { streams, open });
    await response.body.cancel();
  }
  assert.deepEqual(opened, [['orders=5-1'], ['a=5-1', 'b=6-0'], undefined]);
  const wrong = eventStream(ask({ 'last-event-id': 'secrets=5-1' }), { streams: ['a', 'b'], open });
  assert.equal(wrong.status, 400);
  assert.match(await wrong.text(), /Last-Event-ID/);
  assert.equal(opened.length, 3);
});

test('a page that leaves before its first event comes back to where it began', async () => {
  const source = new Source();
  const read = reader(eventStream(ask(), { streams: 'orders', open: () => source }));
  source.becomesReady(['orders=41-7']);
  assert.equal(await read.chunk(), 'id: 41-7\n\n');
  await read.cancel();
});

test('a page that has a place in some streams keeps it, whatever the reader says of where it is', async () => {
  const source = new Source();
  const options = { streams: ['a', 'b'], open: () => source };
  const read = reader(eventStream(ask({ 'last-event-id': 'a=5-1' }), options));
  source.becomesReady(['a=9-0', 'b=7-0', 'other=8-0']);
  await new Promise((resolve) => setImmediate(resolve));
  source.push(entry('8-0', [], 'b'));
  assert.equal((await read.events(1))[0].id, 'a=5-1,b=8-0');
  await read.cancel();
});

test('nothing is read ahead of the page', async () => {
  const source = new Source();
  const read = reader(eventStream(ask(), { streams: 'orders', open: () => source, data: () => 'x'.repeat(20_000) }));
  for (let i = 1; i <= 50; ++i) source.push(entry(`${i}-0`));
  await read.events(3);
  assert.ok(source.taken <= 4, `${source.taken} batches were taken for 3 events`);
  await read.cancel();
});

test('a batch is acked when its last entry was taken, and not before', async () => {
  const source = new Source();
  const big = { streams: 'orders', open: () => source, ack: true, data: () => 'x'.repeat(20_000) };
  const read = reader(eventStream(ask(), big));
  source.push(entry('1-0'), entry('2-0'));
  source.push(entry('3-0'));
  await read.events(2);
  assert.deepEqual(source.acked, []);
  await read.events(3);
  assert.deepEqual(source.acked, [['1-0', '2-0']]);
  await read.cancel();
  assert.deepEqual(source.acked, [['1-0', '2-0']]);
  const small = new Source();
  const page = reader(eventStream(ask(), { streams: 'orders', open: () => small, ack: true }));
  small.push(entry('1-0'), entry('2-0'));
  small.push(entry('3-0'));
  await page.events(2);
  assert.deepEqual(small.acked, [], 'the page has asked for no more yet');
  await page.events(3);
  assert.deepEqual(small.acked, [['1-0', '2-0']]);
  await page.cancel();
});

test('heartbeats are comments, as long as nothing else is said', { timeout: 10_000 }, async () => {
  const source = new Source();
  const read = reader(eventStream(ask(), { streams: 'orders', open: () => source, heartbeatMs: 5, retryMs: 700 }));
  assert.equal(await read.chunk(), 'retry: 700\n\n');
  assert.equal(await read.chunk(), ':\n\n');
  assert.equal(await read.chunk(), ':\n\n');
  source.push(entry('1-0'));
  assert.equal((await read.events(1))[0].id, '1-0');
  await read.cancel();
});

test('the page gone, by cancel or by signal: the reader is gone', { timeout: 10_000 }, async () => {
  const first = new Source();
  await reader(eventStream(ask(), { streams: 'orders', open: () => first })).cancel();
  assert.ok(first.closed);
  const second = new Source();
  const abort = new AbortController();
  const read = reader(eventStream(ask({}, abort.signal), { streams: 'orders', open: () => second }));
  const waiting = read.chunk();
  abort.abort();
  assert.equal(await waiting, undefined);
  assert.ok(second.closed);
  const late = Promise.withResolvers?.() ?? resolvers();
  const third = new Source();
  let opening;
  const open = (_, signal) => ((opening = signal), late.promise);
  const slow = eventStream(ask(), { streams: 'orders', open });
  assert.equal(opening.aborted, false);
  await slow.body.cancel();
  assert.equal(opening.aborted, true, 'whoever opens need not go on');
  late.resolve(third);
  await new Promise((resolve) => setImmediate(resolve));
  assert.ok(third.closed, 'a source that is opened when the page has left is closed');
  const opened = [];
  await eventStream(ask({}, AbortSignal.abort()), { streams: 'orders', open: () => opened.push(1) }).text();
  assert.deepEqual(opened, []);
});

test('a reader that can not be closed ends nothing but its own page', { timeout: 10_000 }, async (t) => {
  const unhandled = [];
  const note = (reason) => unhandled.push(reason);
  process.on('unhandledRejection', note);
  t.after(() => process.off('unhandledRejection', note));
  const source = new Source();
  const broken = { [Symbol.asyncIterator]: () => ({ ...source[Symbol.asyncIterator](), return: () => Promise.reject(new Error('gone')) }) };
  const abort = new AbortController();
  const read = reader(eventStream(ask({}, abort.signal), { streams: 'orders', open: () => broken }));
  const waiting = read.chunk();
  await new Promise((resolve) => setImmediate(resolve));
  abort.abort();
  assert.equal(await waiting, undefined);
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(unhandled, []);
});

test('nothing stays behind: no timer of an event that came, no listener at the signal of the request', async () => {
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  const source = new Source();
  const { signal } = new AbortController();
  const before = timers();
  const request = { headers: new Headers(), url: 'http://localhost/events', signal };
  const read = reader(eventStream(request, { streams: 'orders', open: () => source }));
  for (let i = 1; i <= 5; ++i) {
    const event = read.events(i);
    await new Promise((resolve) => setImmediate(resolve));
    source.push(entry(`${i}-0`));
    await event;
  }
  await read.cancel();
  assert.equal(timers(), before);
  assert.equal(getEventListeners(signal, 'abort').length, 0);
});

test('gaps come before the entry behind them, resets at once; those of other sources do not', async () => {
  const source = new Source();
  const listeners = new Map();
  let ended = 0;
  const client = { on: (name, listener) => (listeners.set(name, listener), () => ++ended) };
  const read = reader(eventStream(ask(), { streams: 'orders', open: () => source, client }));
  listeners.get('gap')({ source: 8, stream: 'orders', cursor: '1-0', first: '2-0' });
  listeners.get('reset')({ source: 8, stream: 'orders', cursor: '1-0', last: '0-0' });
  source.becomesReady(['orders=1-0'], 7);
  assert.equal(await read.chunk(), 'id: 1-0\n\n');
  listeners.get('gap')({ source: 8, stream: 'orders', cursor: '1-0', first: '2-0' });
  listeners.get('gap')({ source: 7, stream: 'orders', cursor: '3-0', first: '9-0', missed: 5 });
  source.push(entry('3-0'));
  source.push(entry('9-0'), entry('10-0'));
  const events = await read.events(4);
  assert.deepEqual(
    events.map(({ type, id }) => [type, id]),
    [
      ['message', '3-0'],
      ['gap', '3-0'],
      ['message', '9-0'],
      ['message', '10-0'],
    ],
  );
  assert.deepEqual(JSON.parse(events[1].data), { stream: 'orders', cursor: '3-0', first: '9-0', missed: 5 });
  listeners.get('reset')({ source: 7, stream: 'orders', cursor: '10-0', last: '2-0' });
  assert.equal((await read.events(5))[4].type, 'reset');
  await read.cancel();
  assert.equal(ended, 2);
});

test('a source that can not be opened is a failure as well, and nobody listens any more', async () => {
  let listening = 0;
  const client = { on: () => (++listening, () => --listening) };
  const closed = Object.assign(new Error('the client is closed'), { code: 'closed', retryable: false });
  for (const open of [() => Promise.reject(closed), () => assert.fail(closed)]) {
    const response = eventStream(ask(), { streams: 'orders', open, client });
    assert.deepEqual(interpret(await response.text()), [
      { type: 'failure', data: '{"code":"closed","retryable":false}', id: '' },
    ]);
    assert.equal(listening, 0);
  }
});

test('an end is an end, a failure is an event without words of the server', { timeout: 10_000 }, async () => {
  const source = new Source();
  const response = eventStream(ask(), { streams: 'orders', open: () => source });
  source.push(entry('1-0'));
  source.finish();
  assert.equal(interpret(await response.text()).length, 1);
  const bad = new Source();
  const failing = eventStream(ask(), { streams: 'orders', open: () => bad });
  bad.fail(Object.assign(new Error('WRONGPASS of user secret'), { code: 'auth', retryable: false }));
  assert.deepEqual(interpret(await failing.text()), [
    { type: 'failure', data: '{"code":"auth","retryable":false}', id: '' },
  ]);
  assert.ok(bad.closed);
});
