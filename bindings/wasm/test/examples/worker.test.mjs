// The example for Workers in workerd: its cron trigger consumes everything, again and again; its event stream is live,
// resumes, and ends with the page. A second worker stands in for the platform's clock.
import assert from 'node:assert/strict';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { connect } from 'millrace';
import { freePort, startRedis, until } from '../bridge/fixture.mjs';
import { interpret } from '../sse/interpret.mjs';
import { examples, Program } from './process.mjs';

const root = fileURLToPath(new URL('../../', import.meta.url));
const clock = `export default {
  async fetch(request, env) {
    if (new URL(request.url).pathname !== '/scheduled') return env.WORKER.fetch(request);
    return Response.json(await env.WORKER.scheduled({ cron: '* * * * *' }));
  },
};`;
let redis;
let client;
let folder;
let running;
let url;

function config(port) {
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "clock", worker = .clock),
    (name = "worker", worker = .worker),
    (name = "internet", network = (allow = ["public", "private"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "clock")],
);
const clock :Workerd.Worker = (
  modules = [(name = "clock.js", esModule = embed "clock.js")],
  bindings = [(name = "WORKER", service = "worker")],
  compatibilityDate = "2025-05-01",
  compatibilityFlags = ["service_binding_extra_handlers"],
);
const worker :Workerd.Worker = (
  modules = [
    (name = "worker.js", esModule = embed "worker.js"),
    (name = "millrace.wasm", wasm = embed "millrace.wasm"),
  ],
  bindings = [(name = "REDIS_URL", text = "${redis.url}")],
  compatibilityDate = "2025-05-01",
);
`;
}

before(async () => {
  redis = await startRedis();
  client = await connect(redis.url, { flushInterval: 0 });
  folder = await mkdtemp(join(tmpdir(), 'millrace-worker-'));
  await build({
    entryPoints: [join(examples, 'cloudflare-worker/worker.js')],
    outfile: join(folder, 'worker.js'),
    ...{ bundle: true, format: 'esm', conditions: ['workerd', 'worker'], external: ['*.wasm', 'cloudflare:*'] },
  });
  await copyFile(join(root, 'dist/millrace.wasm'), join(folder, 'millrace.wasm'));
  await writeFile(join(folder, 'clock.js'), clock);
  const port = await freePort();
  await writeFile(join(folder, 'config.capnp'), config(port));
  url = `http://127.0.0.1:${port}`;
  const words = ['serve', '--experimental', join(folder, 'config.capnp')];
  running = new Program(join(root, 'node_modules/.bin/workerd'), words);
  await until('workerd serves', async () => {
    assert.ok(running.child.exitCode === null, running.output);
    return fetch(url).catch(() => undefined);
  }, 30_000);
});
after(async () => {
  await running?.stop();
  await client?.close({ timeoutMs: 1000 });
  await redis?.stop();
  if (folder !== undefined) await rm(folder, { recursive: true });
});

test('the cron trigger consumes what waits, again and again, and nothing stays pending', { timeout: 90_000 }, async () => {
  const published = await client.publish(
    'orders',
    Array.from({ length: 250 }, (_, n) => ({ item: `tea ${n}` })),
  );
  const run = async () => {
    const answer = await fetch(`${url}/scheduled`);
    const text = await answer.text();
    assert.equal(answer.status, 200, `${text}\n${running.output}`);
    assert.equal(JSON.parse(text).outcome, 'ok', running.output);
  };
  await run();
  for (const { id } of published) assert.ok(running.output.includes(id), id);
  assert.match(running.output, /"ended":"empty".*"entries":250/);
  await client.publish('orders', { item: 'later' });
  await run();
  assert.match(running.output, /"entries":1\b/);
  const looks = client.consumer({ stream: 'orders', group: 'billing', consumer: 'looks' });
  await looks.ready();
  assert.equal((await looks.look()).pending, 0);
  await looks.close();
});

test('the event stream is live, resumes, and ends with the page', { timeout: 60_000 }, async () => {
  const visit = async (headers, count, act) => {
    const abort = new AbortController();
    const response = await fetch(`${url}/events`, { headers, signal: abort.signal });
    assert.equal(response.headers.get('content-type'), 'text/event-stream');
    let text = '';
    for await (const bytes of response.body.pipeThrough(new TextDecoderStream())) {
      text += bytes;
      if (/^id: /m.test(text)) await act?.splice(0)[0]?.();
      if (interpret(text).length >= count) break;
    }
    abort.abort();
    return interpret(text).map(({ data, id }) => [JSON.parse(data).fields.item, id]);
  };
  const publish = (item) => client.publish('orders', { item });
  const [[item, id]] = await visit({}, 1, [() => publish('live')]);
  assert.equal(item, 'live');
  await publish('while away');
  const again = await visit({ 'last-event-id': id }, 2, [() => publish('live again')]);
  assert.deepEqual(
    again.map(([each]) => each),
    ['while away', 'live again'],
  );
  assert.equal((await fetch(`${url}/elsewhere`)).status, 404);
});
