// The bridge and sse out of the packed package, as users have them: with ws, and without.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { installIn, packageRoot } from '../support/installed.mjs';

let folder;
let app;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-bridge-'));
  const program = `import { eventStream } from 'millrace/sse';
import { createBridge } from 'millrace/bridge';
console.log(typeof eventStream, typeof createBridge);\n`;
  await writeFile(join(folder, 'main.mjs'), program);
  app = await installIn(folder);
});
after(async () => {
  await app?.remove();
  await rm(folder, { recursive: true });
});

function run(...words) {
  try {
    return [0, execFileSync(process.execPath, words, { cwd: app.project, stdio: 'pipe', encoding: 'utf8', env: {} })];
  } catch (error) {
    return [error.status, error.stderr];
  }
}

test('the command and both imports are in the package; only the bridge wants ws, and says so', async () => {
  const { bin, version } = JSON.parse(await readFile(join(app.installed, 'package.json'), 'utf8'));
  const command = join(app.installed, bin['millrace-bridge']);
  assert.match(await readFile(command, 'utf8'), /^#!\/usr\/bin\/env node\n/);
  const words = [command, '--upstream=redis://127.0.0.1:1', '--keys=orders', '--open'];
  const [status, said] = run(...words);
  assert.equal(status, 2);
  assert.match(said, /^millrace-bridge: the package ws is not installed: npm install ws\n/);
  assert.deepEqual(run(command, '--version'), [0, `${version}\n`]);
  await symlink(join(packageRoot, 'node_modules/ws'), join(app.project, 'node_modules/ws'));
  assert.deepEqual(run('main.mjs'), [0, 'function function\n']);
  assert.match(run(...words, '--listen=127.0.0.1:1', '--path=x')[1], /^millrace-bridge: path: 'x' is no path/);
});
