// The packed package in every host for real: the same story, and what it must tell.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { installIn, packageRoot } from '../support/installed.mjs';
import { freePort, startServer } from '../support/server.mjs';
import { startWorkerd } from '../support/workerd.mjs';

const binary = (name) => join(packageRoot, 'node_modules', '.bin', name);
let app;
let certificates;
let tlsPort;

/** An authority, and a certificate of localhost that it signed. */
async function makeCertificates() {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-tls-'));
  const openssl = (...words) => execFileSync('openssl', words, { cwd: folder, stdio: 'ignore' });
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl('req', '-x509', ...curve, '-keyout', 'ca.key', '-out', 'ca.pem', '-days', '2', '-subj', '/CN=authority');
  openssl('req', ...curve, '-keyout', 'server.key', '-out', 'server.csr', '-subj', '/CN=localhost');
  await writeFile(join(folder, 'names'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\n');
  openssl(
    'x509',
    '-req',
    '-in',
    'server.csr',
    '-CA',
    'ca.pem',
    '-CAkey',
    'ca.key',
    '-CAcreateserial',
    '-days',
    '2',
    '-extfile',
    'names',
    '-out',
    'server.pem',
  );
  return folder;
}

before(async () => {
  app = await installIn(fileURLToPath(new URL('app', import.meta.url)));
  certificates = await makeCertificates();
});
after(async () => {
  await app.remove();
  await rm(certificates, { recursive: true, force: true });
});

/** A server with TLS too, and what the story is told of it. */
async function given(t) {
  tlsPort = await freePort();
  const of = (name) => join(certificates, name);
  const server = await startServer('redis-7.0', [
    '--tls-port',
    tlsPort,
    '--tls-cert-file',
    of('server.pem'),
    '--tls-key-file',
    of('server.key'),
    '--tls-ca-cert-file',
    of('ca.pem'),
    '--tls-auth-clients',
    'no',
  ]);
  t.after(() => server.stop());
  return {
    url: server.url,
    refusedUrl: `redis://127.0.0.1:${await freePort()}`,
    tls: { url: `rediss://localhost:${tlsPort}`, ca: of('ca.pem') },
  };
}

const expected = {
  consume: { published: 1000, inOrder: true },
  large: { text: 'ü😀', same: true },
  run: { ended: 'empty', entries: 3, held: 0 },
  wrong: 'bad_config',
  held: 0,
  after: 'closed',
  refused: 'refused',
};
const withTls = { tls: true, unknownAuthority: 'tls_unknown_authority' };

async function tell(t, command, words, input) {
  const child = spawn(command, [...words, JSON.stringify(input)], {
    cwd: app.project,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  t.after(() => child.kill('SIGKILL'));
  let out = '';
  let err = '';
  child.stdout.on('data', (bytes) => (out += bytes));
  child.stderr.on('data', (bytes) => (err += bytes));
  const timer = setTimeout(() => child.kill('SIGKILL'), 60_000);
  const [code] = await once(child, 'close');
  clearTimeout(timer);
  assert.equal(code, 0, `${out}\n${err}`);
  return JSON.parse(out);
}

test('Node', async (t) => {
  assert.deepEqual(await tell(t, process.execPath, ['main.mjs'], await given(t)), { ...expected, ...withTls });
});

test('Deno', async (t) => {
  const words = ['run', '--quiet', '--no-prompt', '--allow-net', '--allow-read', '--no-lock', 'main.mjs'];
  assert.deepEqual(await tell(t, binary('deno'), words, await given(t)), { ...expected, ...withTls });
});

test('Bun', async (t) => {
  assert.deepEqual(await tell(t, binary('bun'), ['run', 'main.mjs'], await given(t)), { ...expected, ...withTls });
});

test('workerd', async (t) => {
  const { url, refusedUrl } = await given(t);
  const workerd = await startWorkerd(t, app, 'worker.mjs');
  const answer = await fetch(workerd.url, { method: 'POST', body: JSON.stringify({ url, refusedUrl }) });
  const told = await answer.json();
  assert.equal(told.failed, undefined, workerd.err());
  // Workers do not tell why a connection could not be made.
  assert.deepEqual(told, { ...expected, refused: 'unreachable' });
});
