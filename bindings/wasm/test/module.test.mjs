// The border of the module against a real server: commands, records and refusals, by a host of a hundred lines.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { instantiate, ModuleHost, now, readBlock, wall } from './support/module_host.mjs';

const cache = process.env.MILLRACE_CACHE ?? fileURLToPath(new URL('../../../.cache', import.meta.url));
const all = 0xffffffff;
const utf8 = new TextEncoder();

let server;
let port;

const freePort = () =>
  new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });

/** What the server answers to an inline command. */
const ask = (command) =>
  new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port }, () => socket.write(`${command}\r\n`));
    socket.on('error', reject);
    socket.once('data', (bytes) => {
      socket.destroy();
      resolve(bytes.toString());
    });
  });

before(async () => {
  port = await freePort();
  const program = `${cache}/servers/redis-7.0/server`;
  assert.ok(existsSync(program), `${program}: ./dev servers fetch`);
  server = spawn(program, ['--port', String(port), '--save', '', '--bind', '127.0.0.1'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise((resolve) => {
    server.stdout.on('data', (bytes) => {
      if (bytes.toString().includes('Ready to accept')) resolve();
    });
  });
});

after(() => server?.kill());

function host(module, options = {}) {
  return new ModuleHost(module, { host: `127.0.0.1:${port}`, ...options });
}

test('ten entries come in batches, are acked, and a drain ends it', async () => {
  const module = await instantiate();
  for (let i = 0; i < 10; ++i) await ask(`XADD orders * n ${i} payload value-${i}`);
  const client = host(module);
  const source = module.open(
    client.handle,
    '{"stream":"orders","group":"workers","batch_size":4,"flush_interval":"100ms"}',
    now(),
  );
  assert.notEqual(source, 0, module.lastError());
  client.turn();
  const ready = await client.when((record) => record.type === 'ready', 'ready');
  assert.equal(ready.delivery, 'streams');
  assert.equal(ready.serverVersion, '7.0.15');
  await client.when(
    () => client.told.filter((record) => record.kind === 'batch').flatMap((batch) => batch.entries).length === 10,
    'ten',
  );

  const batches = client.told.filter((record) => record.kind === 'batch');
  assert.deepEqual(
    batches.map((batch) => batch.entries.length),
    [4, 4, 2],
  );
  const entries = batches.flatMap((batch) => batch.entries);
  const fields = entries.map((entry) => entry.fields.map((pair) => pair.map((part) => Buffer.from(part).toString())));
  assert.deepEqual(
    fields,
    Array.from({ length: 10 }, (_, i) => [
      ['n', `${i}`],
      ['payload', `value-${i}`],
    ]),
  );
  assert.ok(entries.every((entry) => entry.deliveries === 1));
  assert.ok(
    entries.every((entry) => entry.runs === 1),
    'entries that lie one behind the other share a run',
  );
  assert.ok(entries.every((entry) => /^\d{13}-\d+$/.test(entry.id)));
  const [name] = client.told.filter((record) => record.kind === 'stream');
  assert.deepEqual(name, { kind: 'stream', source, index: entries[0].stream, name: 'orders' });

  assert.equal(module._mr_ack(client.handle, batches[0].batch, all, now()), 0);
  client.scratch([1, 3]);
  assert.equal(module._mr_ack(client.handle, batches[1].batch, 2, now()), 0);
  client.turn();
  const acked = await client.when((record) => record.kind === 'acked' && record.batch === batches[1].batch, 'the ack');
  assert.deepEqual(acked.indices, [1, 3]);
  assert.notEqual(module._mr_ack(client.handle, batches[0].batch, all, now()), 0);
  assert.equal(JSON.parse(module.lastError()).code, 'not_held');
  client.scratch([0, 2]);
  assert.equal(module._mr_ack(client.handle, batches[1].batch, 2, now()), 0);
  assert.equal(module._mr_ack(client.handle, batches[2].batch, all, now()), 0);
  client.turn();
  await client.when(
    () => client.told.filter((record) => record.kind === 'acked').flatMap((record) => record.indices).length === 10,
    'all acks',
  );
  assert.match(await ask('XPENDING orders workers'), /^\*4\r\n:0/);

  const health = JSON.parse(module.health(client.handle, source, now()));
  assert.equal(health.healthy, true);
  assert.match(
    module.metrics(client.handle, 'millrace', now()),
    /millrace_acked_total\{source="1",stream="orders",group="workers"\} 10\n/,
  );
  assert.equal(module.drain(client.handle, 5e6, true, now()), 0);
  client.turn();
  assert.equal(
    (await client.when((record) => record.type === 'closed' && record.source === undefined, 'the end')).held,
    0,
  );
  client.destroy();
});

test('a publish of two entries is answered by their ids, and bytes come back as they were', async () => {
  const module = await instantiate();
  const client = host(module);
  const publisher = module.publisher(client.handle, '{"max_len":1000}');
  const value = Uint8Array.from({ length: 256 }, (_, i) => i);
  const parts = [
    utf8.encode('bytes'),
    utf8.encode('a'),
    value,
    utf8.encode('b'),
    utf8.encode(''),
    utf8.encode('grüße 🌍'),
    utf8.encode('x'),
  ];
  const size = (i) => parts[i].length;
  const given = client.scratch(
    [size(0), 2, 2, size(1), size(2), size(3), size(4), 1, size(5), size(6)],
    Buffer.concat(parts),
  );
  const ticket = module._mr_publish(client.handle, publisher, given, now());
  assert.ok(ticket > 0, module.lastError());
  client.turn();
  const published = await client.when((record) => record.kind === 'published', 'the answer');
  assert.equal(published.ticket, ticket);
  assert.deepEqual(
    published.results.map((result) => result.flags),
    [0, 0],
  );

  const source = module.open(client.handle, '{"stream":"bytes","group":"g","flush_interval":0}', now());
  client.turn();
  const batch = await client.when((record) => record.kind === 'batch' && record.source === source, 'the batch');
  assert.deepEqual(
    batch.entries.map((entry) => entry.id),
    published.results.map((result) => result.text),
  );
  assert.deepEqual(
    batch.entries.map((entry) => entry.fields.flat().map((part) => [...part])),
    [parts.slice(1, 5).map((part) => [...part]), parts.slice(5).map((part) => [...part])],
  );
  client.destroy();
});

/** Publishes an entry of one field; the ticket, or -1. */
function publishOne(module, client, publisher, stream, value) {
  const name = utf8.encode(stream);
  const given = client.scratch([name.length, 1, 1, 1, value.length], Buffer.concat([name, utf8.encode('v'), value]));
  return module._mr_publish(client.handle, publisher, given, now());
}

test('a value of 8 MB comes back, and one past max_message_bytes is told of and passed', async () => {
  const module = await instantiate();
  const client = host(module);
  const publisher = module.publisher(client.handle, '');
  const large = new Uint8Array(8 << 20).map((_, i) => (i * 7) & 255);
  assert.ok(publishOne(module, client, publisher, 'large', large) > 0, module.lastError());
  assert.equal(publishOne(module, client, publisher, 'large', new Uint8Array(17 << 20)), -1);
  assert.equal(JSON.parse(module.lastError()).code, 'too_large');
  client.turn();
  await client.when((record) => record.kind === 'published', 'the answer');
  module.open(client.handle, '{"stream":"large","group":"g","flush_interval":0}', now());
  client.turn();
  const batch = await client.when((record) => record.kind === 'batch', 'the batch');
  assert.ok(Buffer.from(batch.entries[0].fields[0][1]).equals(Buffer.from(large)));
  client.destroy();
});

test('refused memory is an error, and the client goes on once there is some', async () => {
  let mayGrow = true;
  const module = await instantiate(() => mayGrow);
  const client = host(module);
  const publisher = module.publisher(client.handle, '');
  mayGrow = false;
  assert.throws(() => publishOne(module, client, publisher, 'refused', new Uint8Array(4 << 20)), /out_of_memory/);
  // The scratch has room for one of these, and the queue of what is published for a few.
  let code;
  for (let i = 0; i < 100 && code === undefined; ++i) {
    if (publishOne(module, client, publisher, 'refused', new Uint8Array(50_000)) < 0)
      code = JSON.parse(module.lastError()).code;
  }
  assert.equal(code, 'out_of_memory');
  mayGrow = true;
  const ticket = publishOne(module, client, publisher, 'refused', utf8.encode('there'));
  assert.ok(ticket > 0, module.lastError());
  client.turn();
  const published = await client.when((record) => record.ticket === ticket, 'the answer');
  assert.equal(published.results[0].flags, 0);
  client.destroy();
});

test('names that are no UTF-8 are told as bytes', async () => {
  const module = await instantiate();
  const client = host(module);
  const stream = Buffer.from([0xff, 0x22, 0x5c, 0x0a]);
  const ticket = module.changeGroup(client.handle, 'create', stream, 'g"\\\u0001ü', '', -1, now());
  assert.ok(ticket > 0, module.lastError());
  client.turn();
  const changed = await client.when((record) => record.type === 'groupChanged', 'the answer');
  assert.deepEqual(changed.stream, { b64: stream.toString('base64') });
  assert.equal(changed.group, 'g"\\\u0001ü');
  assert.equal(changed.changed, true);
  client.destroy();
});

test('what is wrong with an argument is told, and nothing is done', async () => {
  const module = await instantiate();
  assert.equal(module.create('redis://localhost', '{"max_retry":3}', '', 1, 2, 3, 4, now(), wall()), 0);
  assert.deepEqual(JSON.parse(module.lastError()), {
    code: 'bad_config',
    message: 'unknown key "max_retry"; the nearest known key is "max_retries"',
    retryable: false,
  });
  const client = host(module);
  assert.equal(module.open(client.handle, '{"group":"g"}', now()), 0);
  assert.equal(JSON.parse(module.lastError()).code, 'bad_config');
  assert.equal(module.publisher(client.handle, '{"max_len":0}'), -1);
  assert.equal(module._mr_publish(client.handle, 7, 0, now()), -1);
  const publisher = module.publisher(client.handle, '');
  for (const words of [[], [5], [5, 1], [5, 1, 0xffffffff], [5, 1, 1, 3], [5, 1, 1, 0xffffffff, 0xffffffff]]) {
    assert.equal(module._mr_publish(client.handle, publisher, client.scratch(words), now()), -1, words.join());
    assert.equal(JSON.parse(module.lastError()).code, 'bad_argument');
  }
  client.scratch([1]);
  const codes = JSON.parse(module.codes());
  assert.equal(codes[module._mr_ack(client.handle, 1, 1000, now())].code, 'bad_argument');
  assert.equal(codes[module._mr_ack(client.handle, 1, 1, now())].code, 'not_held');
  assert.equal(module.redrive(client.handle, 'orders', '1-1 x', now()), -1);
  assert.match(JSON.parse(module.lastError()).message, /"x" is no entry id/);
  client.destroy();
  assert.equal(codes[module.pause(client.handle, 1, now())].code, 'closed');
  assert.equal(module._mr_turn(client.handle, now()), 0);
});

test('options are laid over each other: the host, the URL, the document', async () => {
  const module = await instantiate();
  const handle = module.create(
    'rediss://user:pw@example.org:7777/2?lanes=3',
    '{"tls":{"server_name":"other"}}',
    '{"lanes":1,"host":"h"}',
    1,
    2,
    3,
    4,
    now(),
    wall(),
  );
  assert.notEqual(handle, 0, module.lastError());
  assert.notEqual(module.open(handle, '{"stream":"s"}', now()), 0);
  const [connect] = readConnects(module, handle);
  assert.deepEqual([connect.host, connect.port, connect.tls.serverName], ['example.org', 7777, 'other']);
  module.destroy(handle);
});

function readConnects(module, handle) {
  return readBlock(module, module._mr_turn(handle, now())).filter((record) => record.kind === 'connect');
}
