// A process with nothing but a closed client ends, also where its server never finished a handshake.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { test } from 'node:test';

import { hosts } from './hosts.mjs';

const program = `
  const [library, port] = process.argv.slice(-2);
  const { connect } = await import(library);
  const client = await connect('rediss://localhost:' + port, { connectionTimeout: 100 });
  client.on('log', () => undefined);
  const told = new Promise((resolve) => client.on('disconnected', resolve));
  client.consumer({ stream: 's', group: 'g' });
  const { reason } = await told;
  await client.close({ timeoutMs: 100 });
  console.log(reason);`;

const runs = {
  'Node 22': ['--input-type=module', '--eval', program, '--'],
  Deno: ['eval', '--quiet', `import process from 'node:process';${program}`],
  Bun: ['--eval', program],
};

for (const [name, words] of Object.entries(runs)) {
  const host = hosts.find((each) => each.name === name);
  test(name, { skip: existsSync(host.program) ? false : 'not on this machine' }, async (t) => {
    const sockets = new Set();
    const silent = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined).resume();
    });
    await new Promise((resolve) => silent.listen(0, '127.0.0.1', resolve));
    t.after(() => {
      for (const socket of sockets) socket.destroy();
      silent.close();
    });
    const file = { 'Node 22': 'node', Deno: 'deno', Bun: 'bun' }[name];
    const library = new URL(`../../dist/${file}.js`, import.meta.url).href;
    const child = spawn(host.program, [...words, library, String(silent.address().port)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const timer = setTimeout(() => child.kill('SIGKILL'), 15_000);
    let said = '';
    child.stdout.on('data', (bytes) => (said += bytes));
    const code = await new Promise((resolve) => child.once('close', resolve));
    clearTimeout(timer);
    assert.deepEqual([code, said.trim()], [0, 'timeout']);
  });
}
