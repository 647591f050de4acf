// The hosts that the package must run in, each from npm's own package but for Chromium, which is Debian's: where its
// program is, how it plays cases, and which of them are not for it, with the reason.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { build } from 'esbuild';

import { startBridge, token } from '../bridge/fixture.mjs';
import { chromiumPath, launchChromium, servePages } from '../support/chromium.mjs';
import { packageRoot } from '../support/installed.mjs';
import { startWorkerd } from '../support/workerd.mjs';

const cache = process.env.MILLRACE_CACHE ?? fileURLToPath(new URL('../../../../.cache', import.meta.url));
const binary = (name) => join(packageRoot, 'node_modules', '.bin', name);
const node = (major) => join(cache, 'nodes', 'node_modules', `node${major}`, 'bin', 'node');

/** One process for all cases, which prints a line for each. */
function commandLine(name, program, words, lacks = {}) {
  return {
    name,
    program,
    lacks,
    expects: { refused: 'refused' },
    async start(t, { app, names, given }) {
      const child = spawn(program, [...words, JSON.stringify({ names, given })], {
        cwd: app.project,
        env: { ...process.env, NO_COLOR: '1' },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      t.after(() => child.kill('SIGKILL'));
      const results = new Map(names.map((each) => [each, promised()]));
      let rest = '';
      child.stderr.on('data', (bytes) => (rest += bytes));
      createInterface({ input: child.stdout }).on('line', (line) => {
        const result = parsed(line);
        if (results.has(result?.name)) results.get(result.name).resolve(result);
        else rest += `${line}\n`;
      });
      child.on('close', (code, signal) => {
        const failed = `the host ended before with ${code ?? signal}: ${rest}`;
        for (const result of results.values()) result.resolve({ failed });
      });
      return (each) => results.get(each).promise;
    },
  };
}

function promised() {
  let resolve;
  const promise = new Promise((settle) => (resolve = settle));
  return { promise, resolve };
}

function parsed(line) {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

const workerd = {
  name: 'workerd',
  program: binary('workerd'),
  lacks: {
    'TLS by an authority that nobody knows': 'Workers do not tell why a connection was not made',
  },
  // Nor why it was refused.
  expects: { refused: 'unreachable' },
  async start(t, { app, given, ca }) {
    // Which authorities count is the platform's to say, not the worker's.
    const served = await startWorkerd(t, app, 'worker.mjs', { ca });
    return async (name) => {
      const body = JSON.stringify({ name, given: { ...given, tls: { url: given.tls.url } } });
      const answer = await fetch(served.url, { method: 'POST', body });
      const text = await answer.text();
      return parsed(text) ?? { failed: `${answer.status} ${text}\n${served.err()}` };
    };
  },
};

const endsAtTheBridge = 'pages have no sockets: TLS is between the browser and the bridge, and the bridge and Redis';

const chromium = {
  name: 'Chromium',
  program: chromiumPath,
  lacks: {
    TLS: endsAtTheBridge,
    'TLS by an authority that nobody knows': endsAtTheBridge,
    'TLS with a server that says nothing': endsAtTheBridge,
  },
  expects: { refused: 'refused' },
  async start(t, { app, given }) {
    const { outputFiles } = await build({
      entryPoints: [join(app.project, 'page.mjs')],
      ...{ bundle: true, format: 'esm', write: false, logLevel: 'warning' },
    });
    const files = { '/index.html': '<!doctype html><script type="module" src="/page.js"></script>' };
    const pages = await servePages((path) => (path === '/page.js' ? outputFiles[0].text : files[path]));
    t.after(() => pages.stop());
    const behindBridge = async ({ url }) => {
      const limits = { messageBytes: 80 * 1024 * 1024, bytesPerSecond: 0 };
      const bridge = await startBridge({ upstream: url, origins: [pages.origin], ...limits });
      t.after(() => bridge.stop());
      const protocols = ['millrace.v1', `millrace.token.${Buffer.from(token).toString('base64url')}`];
      return { bridge: bridge.url, protocols };
    };
    const bridged = {
      expects: given.expects,
      server: await behindBridge(given.server),
      pubsub: given.pubsub && (await behindBridge(given.pubsub)),
      refused: { bridge: given.refused.url.replace(/^redis/, 'ws') },
    };
    const browser = await launchChromium();
    t.after(() => browser.close());
    const page = await browser.newPage();
    await page.goto(pages.origin);
    await page.waitForFunction(() => globalThis.playCase !== undefined);
    return (name) => page.evaluate(([each, to]) => globalThis.playCase(each, to), [name, bridged]);
  },
};

const denoWords = ['run', '--quiet', '--no-prompt', '--allow-net', '--allow-read', '--no-lock', 'main.mjs'];

export const hosts = [
  ...[20, 22, 24].map((major) => commandLine(`Node ${major}`, node(major), ['main.mjs'])),
  commandLine('Deno', binary('deno'), denoWords, {
    'TLS with a server that says nothing': 'Deno keeps a connection whose handshake was given up until the server ends it',
  }),
  commandLine('Bun', binary('bun'), ['run', 'main.mjs']),
  workerd,
  chromium,
];

/** What the program says of its version; undefined: there is none for this machine. */
export function versionOf({ program }) {
  if (!existsSync(program)) return undefined;
  try {
    const said = execFileSync(program, ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    return /\d[\d.-]*\d/.exec(said)?.[0];
  } catch {
    return undefined;
  }
}

/** npm and Debian have all of them for these; elsewhere one may be absent. */
export const allAreExpected = process.platform === 'linux' && ['x64', 'arm64'].includes(process.arch);
