// A worker in workerd for real, with the installed package.
import { spawn } from 'node:child_process';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { build } from 'esbuild';

import { packageRoot } from './installed.mjs';
import { freePort } from './server.mjs';

/** Bundles a worker of the installed project as its author would, and serves it. */
export async function startWorkerd(t, app, worker, options) {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-workerd-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  await build({
    entryPoints: [join(app.project, worker)],
    bundle: true,
    format: 'esm',
    conditions: ['workerd', 'worker'],
    external: ['*.wasm', 'cloudflare:*'],
    outfile: join(folder, 'worker.js'),
    logLevel: 'warning',
  });
  await copyFile(join(app.installed, 'dist', 'millrace.wasm'), join(folder, 'millrace.wasm'));
  return serveWorkerd(t, folder, options);
}

/**
 * Serves a folder's worker.js and millrace.wasm. `ca`: the one authority that its TLS knows, as a path of PEM;
 * `bindings`: texts that the worker is given.
 */
export async function serveWorkerd(t, folder, { ca, bindings = {} } = {}) {
  let tls = '';
  if (ca !== undefined) {
    await copyFile(ca, join(folder, 'ca.pem'));
    tls = ', tlsOptions = (trustBrowserCas = false, trustedCertificates = [embed "ca.pem"])';
  }
  const texts = Object.entries(bindings).map(([name, text]) => `(name = "${name}", text = "${text}")`);
  const port = await freePort();
  await writeFile(
    join(folder, 'config.capnp'),
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = .main),
    (name = "internet", network = (allow = ["public", "private"]${tls})),
  ],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")],
);
const main :Workerd.Worker = (
  modules = [
    (name = "worker.js", esModule = embed "worker.js"),
    (name = "millrace.wasm", wasm = embed "millrace.wasm"),
  ],
  bindings = [${texts.join(', ')}],
  compatibilityDate = "2025-11-01",
);
`,
  );
  const child = spawn(join(packageRoot, 'node_modules', '.bin', 'workerd'), ['serve', join(folder, 'config.capnp')], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  t.after(() => child.kill('SIGKILL'));
  let err = '';
  child.stderr.on('data', (bytes) => (err += bytes));
  const deadline = Date.now() + 15_000;
  for (;;) {
    const answer = await fetch(`http://127.0.0.1:${port}`, { method: 'HEAD' }).catch(() => undefined);
    if (answer) return { url: `http://127.0.0.1:${port}`, err: () => err, kill: () => child.kill('SIGKILL') };
    if (Date.now() > deadline || child.exitCode !== null) throw new Error(`workerd did not start: ${err}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
