// What consoles show. Where nobody listens, a server that is not there, or a handler that fails, must not look like a
// stream without entries; and an entry is shown as what it holds.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, test } from 'node:test';
import { inspect } from 'node:util';

import * as millrace from 'millrace';

import { clientFor } from './support/client.mjs';
import { startServer, until } from './support/server.mjs';

let server;
before(async () => {
  server = await startServer();
});
after(() => server.stop());

function warningsOf(t) {
  const warn = t.mock.method(console, 'warn', () => undefined);
  return () => warn.mock.calls.map(({ arguments: [text] }) => text);
}

function count(client, name) {
  const lines = client.metrics().split('\n');
  return lines.filter((line) => line.startsWith(name)).reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

test('a server that is not there is told of once', async (t) => {
  const warnings = warningsOf(t);
  const client = await clientFor(t, 'redis://127.0.0.1:1', { retryDelay: 1, maxRetryDelay: 5 });
  client.consumer({ stream: 's', group: 'g' });
  await until('several tries', () => count(client, 'millrace_disconnects_total') > 5);
  assert.deepEqual(warnings(), ['millrace: 127.0.0.1:1: refused; trying again']);
});

test('a loss after the connection was back is told again', async (t) => {
  const warnings = warningsOf(t);
  const client = await clientFor(t, server.url);
  const consumer = client.consumer({ stream: 'again', group: 'g' });
  await new Promise((resolve) => client.on('ready', resolve));
  for (const told of [1, 2]) {
    await server.send('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await until(`it is told ${told} times`, () => warnings().length === told);
    await until('it is back', () => count(client, 'millrace_reconnects_total') >= told);
    await consumer.look();
  }
  for (const text of warnings()) assert.match(text, /^millrace: 127\.0\.0\.1:\d+: .*; trying again$/);
});

test('what a handler throws is told with its place', async (t) => {
  const warnings = warningsOf(t);
  const client = await clientFor(t, server.url);
  const id = await server.send('XADD', 'thrown', '*', 'n', '1');
  let tries = 0;
  await client.consumer({ stream: 'thrown', group: 'g', nackDelay: 1 }).run(
    () => {
      if (++tries === 1) throw new TypeError('no such cup');
    },
    { until: 'empty' },
  );
  const [text, ...others] = warnings();
  assert.deepEqual(others, []);
  const [first, second, third] = text.split('\n');
  const what = 'millrace: The handler failed; its batch will be delivered again';
  assert.equal(first, `${what} error=no such cup stream=thrown first_id=${id} entries=1`);
  assert.equal(second, 'TypeError: no such cup');
  assert.match(third, /console\.test\.mjs:\d+/);
});

test('who listens is told instead', async (t) => {
  const warnings = warningsOf(t);
  for (const name of ['disconnected', 'log']) {
    const client = await clientFor(t, 'redis://127.0.0.1:1', { retryDelay: 1, maxRetryDelay: 5 });
    client.on(name, () => undefined);
    client.consumer({ stream: 's', group: 'g' });
    await until('a try', () => count(client, 'millrace_disconnects_total') > 0);
  }
  assert.deepEqual(warnings(), []);
});

test('entries and batches are shown as what they hold', async (t) => {
  const client = await clientFor(t, server.url);
  const id = await server.send('XADD', 'shown', '*', 'item', 'tea', 'item', 'cup');
  const batch = await client.consumer({ stream: 'shown', group: 'g', flushInterval: 0 }).next();
  const fields = [
    ['item', 'tea'],
    ['item', 'cup'],
  ];
  const entry = { id, stream: 'shown', deliveries: 1, fields };
  assert.equal(inspect(batch.at(0)), inspect(entry));
  assert.equal(inspect(batch, { depth: 5 }), inspect({ reason: 'flush', entries: [entry] }, { depth: 5 }));
  assert.deepEqual(JSON.parse(JSON.stringify(batch)), { reason: 'flush', entries: [entry] });
  batch.release();
  assert.equal(inspect(batch), "{ reason: 'flush', entries: [ (released) ] }");
  assert.throws(() => JSON.stringify(batch), { code: 'closed' });
});

test('classes have the names by which they are imported', () => {
  for (const name of ['Batch', 'Client', 'Consumer', 'Entry', 'MillraceError', 'Publisher', 'Source', 'Tail']) {
    assert.match(inspect(millrace[name]), new RegExp(`^\\[class ${name}\\b`), `${name} is exported as it is called`);
  }
});

test('an error that nobody catches names the caller, and is not drowned in the code of the package', async () => {
  const text = "import { connect } from 'millrace'; (await connect()).consumer({ group: 'g' });";
  const flags = ['--input-type=module', '--eval', text];
  const { status, stderr } = spawnSync(process.execPath, flags, { cwd: import.meta.dirname, encoding: 'utf8' });
  assert.equal(status, 1);
  assert.match(stderr, /MillraceError\]?: streams: names no stream/);
  assert.match(stderr, /^ +at .*\[eval1\]:1:/m);
  assert.ok(stderr.length < 5000, `${stderr.length} characters`);
});

test('what a transport says beyond its reason is told once', async (t) => {
  const warnings = warningsOf(t);
  const client = await clientFor(t, 'redis://127.0.0.1:1', {
    retryDelay: 1,
    maxRetryDelay: 5,
    transport: { open: () => Promise.reject(new millrace.TransportError('tls_failed', "tls.ca: 'ca.pem' can't be read")) },
  });
  client.consumer({ stream: 's', group: 'g' });
  await until('several tries', () => count(client, 'millrace_disconnects_total') > 5);
  const told = warnings().filter((text) => !text.includes('127.0.0.1:1'));
  assert.deepEqual(told, ["millrace: A connection failed error=tls.ca: 'ca.pem' can't be read"]);
});

test('a stream that is left while the others go on is told of', async (t) => {
  const warnings = warningsOf(t);
  await server.send('SET', 'text', '1');
  const client = await clientFor(t, server.url);
  await client.consumer({ streams: ['taken', 'text'], group: 'g' }).ready();
  await until('it is told', () => warnings().length > 0);
  const wrong = 'WRONGTYPE Operation against a key holding the wrong kind of value';
  assert.deepEqual(warnings(), [`millrace: XGROUP CREATE text g: ${wrong}`]);
});
