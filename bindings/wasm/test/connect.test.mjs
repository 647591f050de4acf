// What connects, what does not, and what errors say of it.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { after, before, test } from 'node:test';

import { connect, MillraceError } from 'millrace';

import { connectWith } from '../dist/lib/connect.js';
import factory from '../dist/lib/glue.mjs';
import { clientFor } from './support/client.mjs';
import { startServer, until } from './support/server.mjs';

let server;
const password = 'p@ss/w?rd#%';
before(async () => {
  server = await startServer();
  await server.send('ACL', 'SETUSER', 'alice', 'on', `>${password}`, '~*', '&*', '+@all');
});
after(() => server.stop());

const isError = (code, words) => (error) => {
  assert.ok(error instanceof MillraceError, String(error));
  assert.equal(error.code, code, error.message);
  assert.match(error.message, words);
  return true;
};

test('a wrong option is refused by its name, before anything connects', async () => {
  await assert.rejects(connect({ batchSize: 0 }), isError('bad_config', /batchSize.*0/));
  await assert.rejects(connect({ batchSise: 5 }), isError('bad_config', /batchSise.*batchSize/));
  await assert.rejects(connect({ flushInterval: 'soon' }), isError('bad_config', /flushInterval/));
  await assert.rejects(connect({ flushInterval: NaN }), isError('bad_config', /flushInterval.*NaN/));
  await assert.rejects(connect({ tls: { verfy: true } }), isError('bad_config', /verfy/));
  await assert.rejects(connect({ host: () => 'x' }), isError('bad_config', /host/));
  await assert.rejects(connect('redis://localhost:99999'), isError('bad_config', /port/));
  await assert.rejects(connect({ wasm: new Uint8Array([1, 2, 3]) }), isError('bad_config', /wasm/));
});

test('what is wrong is told by the name that was typed', async (t) => {
  const client = await clientFor(t, server.url);
  const refused = [
    [() => connect({ batchSise: 5 }), /^unknown key "batchSise"; the nearest known key is "batchSize"$/],
    [() => connect({ batch_sise: 5 }), /^unknown key "batch_sise"; /],
    [() => connect(`${server.url}?batch_sise=5`), /^unknown key "batch_sise"; the nearest known key is "batch_size"$/],
    [() => connect(`${server.url}?max_len=0`, { maxLen: 0 }), /^max_?[lL]en: "0" is not allowed/],
    [() => connect({ tls: { serverNam: 'x' } }), /^unknown key "tls\.serverNam"; .* "tls\.serverName"$/],
    [() => connect({ prefetch: 5 }), /^prefetch: 5 .* at least batchSize, which is 10$/],
    [() => connect({ maxLen: 5, maxAge: '1h' }), /^maxAge: is given beside maxLen;/],
    [() => connect({ max_len: 5, max_age: '1h' }), /^max_age: is given beside max_len;/],
    [() => client.publisher({ maxLenExact: true }), /^maxLenExact: is given without maxLen;/],
    [() => client.consumer({ stream: 's', onLostGroup: 'low' }), /^onLostGroup: "low" .* low_water, start, new$/],
    [() => client.tail({ stream: 's', maxScan: 0 }), /^maxScan: "0" /],
  ];
  for (const [call, words] of refused) await assert.rejects(async () => call(), isError('bad_config', words));
  const { stack } = await connect({ batchSize: 0 }).catch((error) => error);
  assert.match(stack, /^MillraceError: batchSize: "0" /);
});

/** Where a client of these options connects. */
function targetOf(t, ...args) {
  return new Promise((resolve, reject) => {
    const open = (target) => (resolve(`${target.host} ${target.port}`), new Promise(() => undefined));
    const options = { ...args.pop(), transport: { open } };
    clientFor(t, ...args, options).then((client) => client.consumer({ stream: 's', group: 'g' }), reject);
  });
}

test('host and port may be apart, as other clients take them', async (t) => {
  assert.equal(await targetOf(t, { host: 'redis', port: 6380 }), 'redis 6380');
  assert.equal(await targetOf(t, { host: 'redis', port: '6380' }), 'redis 6380');
  assert.equal(await targetOf(t, { port: 6380 }), 'localhost 6380');
  assert.equal(await targetOf(t, { host: 'redis:6380', port: 6380 }), 'redis 6380');
  assert.equal(await targetOf(t, { host: '::1', port: 6380 }), '::1 6380');
  assert.equal(await targetOf(t, { host: '[::1]', port: 6380 }), '::1 6380');
  assert.equal(await targetOf(t, 'redis://other:1', { host: 'redis', port: 6380 }), 'redis 6380');
  assert.equal(await targetOf(t, { host: 'redis', port: undefined }), 'redis 6379');
  const refused = [
    [{ host: 'redis:6379', port: 6380 }, /^port: 6380 is given beside that of host or URL; allowed: one$/],
    [{ host: '[::1]:6379', port: 6380 }, /^port: 6380 is given beside /],
    [{ url: 'redis://redis:6379', port: 6380 }, /^port: 6380 is given beside /],
    ...[0, -1, 65536, 1.5, NaN, '', 'x'].map((port) => [{ port }, /^port: .* is not allowed; allowed: 1 to 65535$/]),
  ];
  for (const [options, words] of refused) await assert.rejects(connect(options), isError('bad_config', words));
});

test('a URL may be an object, and what is none is refused', async (t) => {
  for (const args of [[new URL(server.url)], [{ url: new URL(server.url) }]]) {
    const client = await clientFor(t, ...args);
    assert.match((await client.publish('by-object', { a: 1 })).id, /-/);
  }
  await assert.rejects(connect({ url: 6379 }), isError('bad_config', /^url: number is no/));
});

test('an argument of a wrong type is the fault of that call alone', async (t) => {
  const client = await clientFor(t, server.url);
  const wrong = [
    () => client.dead(undefined),
    () => client.createGroup('s', 5),
    () => client.replaceCredentials({ password: undefined }),
    () => client.metrics(5),
    () => client.publish(undefined, { a: 1 }),
    () => client.publish({}, { a: 1 }),
  ];
  for (const call of wrong) await assert.rejects(async () => call(), isError('bad_argument', /./), String(call));
  await client.publish(5, { a: 1 });
  assert.equal(await server.send('XLEN', '5'), 1);
});

test('options count over the URL', async (t) => {
  const client = await clientFor(t, `${server.url}?batch_size=7&client_name=url`, { clientName: 'given' });
  await client.publish('named', { a: 1 });
  const names = (await server.send('CLIENT', 'LIST')).match(/name=\w+/g);
  assert.ok(names.includes('name=given') && !names.includes('name=url'), String(names));
});

test('the module can be given, as bytes and compiled', async (t) => {
  const bytes = await readFile(new URL('../dist/millrace.wasm', import.meta.url));
  for (const wasm of [bytes, await WebAssembly.compile(bytes)]) {
    const client = await clientFor(t, server.url, { wasm });
    assert.match((await client.publish('given', { a: 1 })).id, /-/);
  }
});

test('a module that could not be loaded is loaded anew by the next client', async () => {
  let loads = 0;
  const host = {
    load: async () => {
      if (++loads === 1) throw new Error('EMFILE: too many open files');
      return WebAssembly.compile(await readFile(new URL('../dist/millrace.wasm', import.meta.url)));
    },
    seed: () => new Uint32Array(4),
    defaults: () => ({}),
    deferring: () => setImmediate,
  };
  const anew = connectWith(host, factory);
  await assert.rejects(anew(), /EMFILE/);
  await (await anew()).close();
  await (await anew()).close();
  assert.equal(loads, 2);
});

test('credentials are in no error, event or metric', async (t) => {
  const secret = 'sesame-0815';
  const told = [];
  const client = await clientFor(t, { url: `redis://alice:${secret}@127.0.0.1:${server.port}` });
  for (const name of ['log', 'failure', 'disconnected', 'reconnected', 'closed']) {
    client.on(name, (event) => told.push(JSON.stringify(event)));
  }
  const consumer = client.consumer({ stream: 's', group: 'g' });
  const failure = await consumer.next().catch((error) => error);
  assert.ok(failure instanceof MillraceError);
  assert.equal(failure.code, 'auth');
  const refused = await connect(`redis://alice:${secret}@127.0.0.1:${server.port}?password=${secret}&nonsense=1`).catch(
    (error) => error,
  );
  assert.equal(refused.code, 'bad_config');
  // As it comes from a file: no value of an option, and no text of an error.
  const bytes = Buffer.from(secret);
  const wrong = [{ password: bytes }, { url: bytes }, { tls: { key: bytes } }, { username: () => secret }];
  const refusals = await Promise.all(wrong.map((options) => connect(options).catch((error) => error)));
  for (const { code } of refusals) assert.equal(code, 'bad_config');
  const texts = [
    ...refusals.map((error) => error.stack),
    failure.message,
    failure.stack,
    refused.message,
    client.metrics(),
    JSON.stringify(client.health()),
    ...told,
  ];
  assert.ok(told.length > 0);
  for (const text of texts) assert.ok(!text.includes(secret), text);
});

test('replaced credentials bring back a refused client', async (t) => {
  const client = await clientFor(t, `redis://alice:wrong@127.0.0.1:${server.port}`, { flushInterval: 0 });
  const consumer = client.consumer({ stream: 'replaced', group: 'g' });
  await assert.rejects(consumer.next(), isError('auth', /./));
  client.replaceCredentials({ username: 'alice', password });
  await server.send('XADD', 'replaced', '*', 'a', '1');
  const batch = await consumer.next({ timeoutMs: 10_000 });
  assert.equal(batch.at(0).get('a'), '1');
});

test('a refused connection is told, and tried again until it stands', async (t) => {
  const probe = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => probe.once('listening', resolve));
  const { port } = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  const client = await clientFor(t, `redis://127.0.0.1:${port}`);
  const told = new Promise((resolve) => client.on('disconnected', resolve));
  const consumer = client.consumer({ stream: 's', group: 'g' });
  const event = await told;
  assert.equal(event.reason, 'refused');
  assert.equal(event.error.code, 'connection');
  assert.equal(event.error.retryable, true);
  assert.equal(client.health().healthy, false);
  await consumer.close({ timeoutMs: 100 });
});

test('a name that nobody knows is told as such', async (t) => {
  const client = await clientFor(t, 'redis://no-such-host.invalid:6379');
  const told = new Promise((resolve) => client.on('disconnected', resolve));
  client.consumer({ stream: 's', group: 'g' });
  assert.equal((await told).reason, 'dns');
});

test('a lost connection is made again, and nothing is lost', async (t) => {
  const client = await clientFor(t, server.url, { batchSize: 1, retryDelay: 10 });
  const consumer = client.consumer({ stream: 'cut', group: 'g', consumer: 'me' });
  await consumer.ready();
  const back = new Promise((resolve) => client.on('reconnected', resolve));
  await server.send('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  await back;
  await server.send('XADD', 'cut', '*', 'a', '1');
  const batch = await consumer.next({ timeoutMs: 10_000 });
  assert.equal(batch.at(0).get('a'), '1');
  batch.ack();
  await batch.confirmed();
});

test('a process with nothing but a closed client ends, also with what is meant for pages', async () => {
  const { spawn } = await import('node:child_process');
  const program = `
    import { connect } from 'millrace';
    import { nodeTransport as transport } from '../dist/lib/transports/node.js';
    const client = await connect('${server.url}', { transport });
    await client.publish('process', { a: 1 });
    const consumer = client.consumer({ stream: 'process', group: 'g' });
    await consumer.ready();
    await client.close();`;
  for (const condition of ['node', 'browser']) {
    const child = spawn(process.execPath, [`--conditions=${condition}`, '--input-type=module', '-e', program], {
      cwd: new URL('.', import.meta.url),
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    const timer = setTimeout(() => child.kill('SIGKILL'), 15_000);
    const code = await new Promise((resolve) => child.once('exit', resolve));
    clearTimeout(timer);
    assert.equal(code, 0, condition);
  }
});

test('listeners come and go', async (t) => {
  const client = await clientFor(t, server.url);
  let count = 0;
  const listener = () => ++count;
  client.on('ready', listener);
  const end = client.on('ready', listener);
  const first = client.consumer({ stream: 'listened', group: 'g' });
  await first.ready();
  await until('the listener was told', () => count === 1);
  end();
  const second = client.consumer({ stream: 'listened', group: 'h' });
  await second.ready();
  client.off('ready', listener);
  assert.equal(count, 1);
});
