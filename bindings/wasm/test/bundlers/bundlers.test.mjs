// The packed package through the bundlers of authors: what they make of the examples runs, for Node, for a page and for
// Workers; and of a small consumer for a page's worker and for the edge.
import assert from 'node:assert/strict';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { EdgeVM } from '@edge-runtime/vm';
import { connect } from 'millrace';
import WebSocket from 'ws';

import { startBridge, token } from '../bridge/fixture.mjs';
import { examples, Program } from '../examples/process.mjs';
import { launchChromium, servePages } from '../support/chromium.mjs';
import { installIn } from '../support/installed.mjs';
import { Matrix } from '../support/matrix.mjs';
import { startServer } from '../support/server.mjs';
import { serveWorkerd } from '../support/workerd.mjs';
import { bundlers } from './bundlers.mjs';

const protocols = ['millrace.v1', `millrace.token.${Buffer.from(token).toString('base64url')}`];
const own = fileURLToPath(new URL('app', import.meta.url));
let server;
let client;
let browser;

/** Where each kind of bundle comes from, which code of packages must be in it, and how it shows that it runs. */
const rows = [
  {
    title: 'Node',
    target: 'node',
    from: join(examples, 'node-worker'),
    entry: 'worker.mjs',
    files: ['millrace/dist/node.js'],
    run: inNode,
  },
  {
    title: 'page',
    target: 'page',
    from: join(examples, 'browser'),
    entry: 'watch.js',
    files: ['millrace/dist/browser.js'],
    run: inPage,
  },
  {
    title: 'Workers (workerd)',
    target: 'workerd',
    from: join(examples, 'cloudflare-worker'),
    entry: 'worker.js',
    files: ['millrace/dist/sse.js', 'millrace/dist/workerd.js'],
    run: inWorkerd,
  },
  {
    title: "a page's worker (condition worker)",
    target: 'worker',
    from: own,
    entry: 'consume.mjs',
    files: ['millrace/dist/browser.js'],
    run: inPagesWorker,
  },
  {
    title: 'edge function (condition edge-light)',
    target: 'edge',
    from: own,
    entry: 'consume.mjs',
    files: ['millrace/dist/browser.js'],
    run: atTheEdge,
  },
];

const matrix = new Matrix(
  'npm-bundlers',
  'Its bundles, target by bundler',
  rows.map((row) => row.title),
);

before(async () => {
  server = await startServer('redis-7.0');
  client = await connect(server.url);
  browser = await launchChromium();
});
after(async () => {
  matrix.finish();
  await browser?.close();
  await client?.close({ timeoutMs: 1000 });
  await server?.stop();
  for (const app of projects.values()) await app.remove();
});

async function inNode(t, { out, installed }) {
  const built = dirname(out);
  if (!(await readdir(built)).some((name) => name.endsWith('.wasm'))) {
    const without = new Program(process.execPath, [out], { REDIS_URL: server.url });
    await without.prints(/millrace\.wasm is not beside .*: copy it there/);
    assert.notEqual(await without.ended, 0);
    await copyFile(join(installed, 'dist/millrace.wasm'), join(built, 'millrace.wasm'));
  }
  const { id } = await client.publish('orders', { item: 'tea' });
  const running = new Program(process.execPath, [out], { REDIS_URL: server.url });
  t.after(() => running.stop());
  await running.prints(new RegExp(`^${id} tea$`, 'm'));
  assert.equal(await running.stop(), 0, running.output);
}

/** A bridge for pages of that origin, or for hosts that are none. */
async function bridgeFor(t, origins = []) {
  const bridge = await startBridge({ upstream: server.url, origins });
  t.after(() => bridge.stop());
  return bridge.url;
}

async function serve(t, folder) {
  const noPage = (path) => (path === '/index.html' ? '' : undefined);
  const pages = await servePages((path) => readFile(join(folder, path)).catch(() => noPage(path)));
  t.after(() => pages.stop());
  const page = await browser.newPage();
  t.after(() => page.close());
  return { page, origin: pages.origin, bridge: await bridgeFor(t, [pages.origin]) };
}

async function inPage(t, { out, folder }) {
  const built = dirname(out);
  // Vite has written a page; others leave the example's own, which names the file as it is called in the source.
  if (!(await readdir(built)).includes('index.html'))
    await copyFile(join(folder, 'index.html'), join(built, 'index.html'));
  const { page, origin, bridge } = await serve(t, built);
  const errors = [];
  page.on('pageerror', (error) => errors.push(error));
  await page.goto(`${origin}/#token=${token}&stream=orders&bridge=${encodeURIComponent(bridge)}`);
  const has = (selector, text) =>
    page
      .waitForFunction(([at, wanted]) => document.querySelector(at).textContent.includes(wanted), [selector, text])
      .catch((error) => assert.fail(`${error.message} ${errors.join(' ')}`));
  await has('#state', 'live');
  const { id } = await client.publish('orders', { item: `tea for ${built}` });
  await has('#entries', id);
}

async function inWorkerd(t, { out, installed }) {
  await copyFile(join(installed, 'dist/millrace.wasm'), join(dirname(out), 'millrace.wasm'));
  const worker = await serveWorkerd(t, dirname(out), { bindings: { REDIS_URL: server.url } });
  const response = await fetch(`${worker.url}/events`, { signal: AbortSignal.timeout(20_000) });
  assert.equal(response.headers.get('content-type'), 'text/event-stream', worker.err());
  let text = '';
  let isPublished = false;
  for await (const bytes of response.body.pipeThrough(new TextDecoderStream())) {
    text += bytes;
    // It tells where it begins, and from there on everything.
    if (!isPublished && text.startsWith('id: '))
      isPublished = Boolean(await client.publish('orders', { item: 'live' }));
    if (text.includes('"item":"live"')) return;
  }
  assert.fail(`the stream ended: ${text}`);
}

/** Three entries for a group of its own. */
async function fill(t) {
  const stream = `edge ${t.name}`;
  await client.publish(stream, [{ item: 'a' }, { item: 'ü' }, { item: 'c' }]);
  return { stream, expected: { seen: ['a', 'ü', 'c'], ended: 'empty' } };
}

async function inPagesWorker(t, { out }) {
  const { page, origin, bridge } = await serve(t, dirname(out));
  const { stream, expected } = await fill(t);
  await page.goto(origin);
  const told = await page.evaluate(
    (given) =>
      new Promise((resolve, reject) => {
        const worker = new Worker('/worker.js');
        worker.onmessage = ({ data }) => resolve(data);
        worker.onerror = ({ message }) => reject(new Error(message));
        worker.postMessage(given);
      }),
    { bridge, protocols, stream },
  );
  assert.deepEqual(told, expected);
}

/** No sockets, no code made at run time, the module compiled by the platform. */
async function atTheEdge(t, { out, installed }) {
  const { stream, expected } = await fill(t);
  const edge = new EdgeVM({ codeGeneration: { strings: false, wasm: false } });
  edge.evaluate(await readFile(out, 'utf8'));
  const wasm = new WebAssembly.Module(await readFile(join(installed, 'dist/millrace.wasm')));
  // As if it had been compiled there.
  Object.setPrototypeOf(wasm, edge.evaluate('WebAssembly.Module.prototype'));
  const told = await edge.context.consume({ bridge: await bridgeFor(t), protocols, stream, wasm, WebSocket });
  assert.deepEqual(JSON.parse(JSON.stringify(told)), expected);
}

/** Projects by the folders they were copied from; `ws` is there to be found, and must not be. */
const projects = new Map();
async function projectOf(from) {
  if (!projects.has(from)) projects.set(from, await installIn(from, ['ws']));
  return projects.get(from);
}

/** Bundles into a folder from which no package can be found. */
async function bundleFor(t, row, bundler) {
  const app = await projectOf(row.from);
  const folder = await mkdtemp(join(tmpdir(), 'millrace-bundle-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const out = join(folder, row.entry.replace(/^consume.*/, 'worker.js'));
  await mkdir(dirname(out), { recursive: true });
  const files = await bundler.bundle({
    entry: join(app.project, row.entry),
    folder: app.project,
    out,
    target: row.target,
  });
  return { out, files, folder: app.project, installed: app.installed };
}

function codeOfPackages(files) {
  const inside = files.filter((path) => path.includes('node_modules/') && path.endsWith('.js'));
  return [...new Set(inside.map((path) => path.split('node_modules/').at(-1)))].sort();
}

for (const bundler of bundlers) {
  matrix.addColumn(bundler.name);
  test(bundler.name, { timeout: 100_000 }, async (t) => {
    for (const row of rows) {
      if (bundler.only !== undefined && bundler.only !== row.target) {
        matrix.set(row.title, bundler.name, 'n.a.', 'Vite is what pages are built with');
        continue;
      }
      await t.test(row.title, async (each) => {
        matrix.set(row.title, bundler.name, 'FAILED');
        const made = await bundleFor(each, row, bundler);
        assert.deepEqual(codeOfPackages(made.files), row.files, 'code of packages in the bundle');
        await row.run(each, made);
        matrix.set(row.title, bundler.name, 'OK');
      });
    }
  });
}
