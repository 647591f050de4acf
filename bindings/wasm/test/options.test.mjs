// Options and arguments that make no sense, as JavaScript lets them through.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { MillraceError } from 'millrace';

import { clientFor } from './support/client.mjs';
import { startServer } from './support/server.mjs';

let server;
before(async () => {
  server = await startServer();
});
after(() => server.stop());

const refused = (words) => (error) => {
  assert.ok(error instanceof MillraceError, String(error));
  assert.equal(error.code, 'bad_argument');
  assert.match(error.message, words);
  return true;
};

test('an option that nobody knows is refused by its name', async (t) => {
  const client = await clientFor(t, server.url, { flushInterval: 0 });
  const consumer = client.consumer({ stream: 'unknown', group: 'g' });
  await client.publish('unknown', { n: 1 });
  const batch = await consumer.next();
  assert.throws(() => batch.nack(undefined, { delay: 5 }), refused(/^nack: unknown option 'delay'; .* delayMs$/));
  const calls = {
    next: () => consumer.next({ timeout: 5 }),
    look: () => consumer.look({ timeout: 5 }),
    run: () => consumer.run(() => undefined, { concurency: 2 }),
    close: () => consumer.close({ timeout: 5 }),
    publish: () => client.publisher().publish('unknown', { n: 1 }, { waits: true }),
    dead: () => client.dead('unknown', { limit: 5 }),
    createGroup: () => client.createGroup('unknown', 'h', { from: '0' }),
    drain: () => client.drain({ timeout: 5 }),
  };
  for (const [name, call] of Object.entries(calls)) {
    await assert.rejects(call, refused(new RegExp(`^${name}: unknown option '\\w+'; its options are \\w+`)));
  }
  await assert.rejects(client.close({ timeout: 5 }), refused(/^close: unknown option 'timeout'; its options are timeoutMs$/));
  batch.ack();
  await batch.confirmed(); // what was refused has changed nothing
});

test('a number in place of options is refused', async (t) => {
  const client = await clientFor(t, server.url);
  const consumer = client.consumer({ stream: 'number', group: 'g' });
  await assert.rejects(consumer.next(1000), refused(/^next: 1000 is no object; its options are timeoutMs, signal$/));
  await assert.rejects(consumer.next(null), refused(/^next: null is no object/));
});

test('a timeout that is none is refused: the wait would be for ever, or over at once', async (t) => {
  const client = await clientFor(t, server.url);
  const consumer = client.consumer({ stream: 'timeout', group: 'g' });
  for (const timeoutMs of [NaN, -1, '5s']) {
    const calls = {
      next: () => consumer.next({ timeoutMs }),
      look: () => consumer.look({ timeoutMs }),
      close: () => consumer.close({ timeoutMs }),
      drain: () => client.drain({ timeoutMs }),
    };
    const words = `timeoutMs is ${timeoutMs}; allowed: from 0$`;
    for (const [name, call] of Object.entries(calls)) await assert.rejects(call, refused(new RegExp(`^${name}: ${words}`)));
    await assert.rejects(client.close({ timeoutMs }), refused(new RegExp(`^close: ${words}`)));
  }
  assert.equal(consumer.isOpen, true);
});

test('an event that there is not is refused, with those that there are', async (t) => {
  const client = await clientFor(t, server.url);
  const words = /^there is no event 'disconected'; the events are ready, .*disconnected, .*closed$/;
  assert.throws(() => client.on('disconected', () => undefined), refused(words));
  assert.throws(() => client.off('disconected', () => undefined), refused(words));
  for (const name of ['error', 'toString', undefined, Symbol('log')]) {
    assert.throws(() => client.on(name, () => undefined), refused(/^there is no event '/));
  }
});

test('what is no function is refused where one is wanted', async (t) => {
  const client = await clientFor(t, server.url);
  const consumer = client.consumer({ stream: 'function', group: 'g' });
  await assert.rejects(consumer.run(), refused(/^run: there is no handler$/));
  assert.throws(() => client.on('log'), refused(/^on: the listener of 'log' is no function$/));
});

test('numbers that are none are not published', async (t) => {
  const client = await clientFor(t, server.url);
  for (const value of [NaN, Infinity, -Infinity]) {
    await assert.rejects(client.publish('numbers', { n: value }), refused(new RegExp(`^the field 'n' is ${value}$`)));
  }
  assert.equal(await server.send('EXISTS', 'numbers'), 0);
});

test('one dead letter is put back by its id alone', async (t) => {
  const client = await clientFor(t, server.url, { flushInterval: 0 });
  await client.publish('alone', { n: 1 });
  const consumer = client.consumer({ stream: 'alone', group: 'g' });
  const written = new Promise((resolve) => client.on('deadLettered', resolve));
  (await consumer.next()).reject('no');
  const { deadId } = await written;
  const [result] = await client.redrive('alone', deadId);
  assert.equal(result.deadId, deadId);
  assert.equal((await consumer.next()).at(0).get('n'), '1');
});
