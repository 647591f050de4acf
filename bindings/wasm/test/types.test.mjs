// A project that has the packed package installed compiles under the strict rules, and gets nothing that is ours alone.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { installIn } from './support/installed.mjs';

const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
let project;
let installed;
let remove;

before(async () => {
  const linked = ['@types', 'undici-types'];
  ({ project, installed, remove } = await installIn(fileURLToPath(new URL('project', import.meta.url)), linked));
});
after(() => remove());

test('an example project compiles under strict rules', () => {
  const { stdout, status } = spawnSync(process.execPath, [tsc, '--project', project], { encoding: 'utf8' });
  assert.equal(stdout, '');
  assert.equal(status, 0);
});

test('it compiles without the types of the DOM too', () => {
  const options = ['--lib', 'es2022,esnext.disposable'];
  const { stdout, status } = spawnSync(process.execPath, [tsc, '--project', project, ...options], { encoding: 'utf8' });
  assert.equal(stdout, '');
  assert.equal(status, 0);
});

test('the tarball has the bundles, the module and the types, and no sources or tests', async () => {
  const files = await readdir(installed, { recursive: true });
  for (const file of [
    'dist/node.js',
    'dist/workerd.js',
    'dist/millrace.wasm',
    'dist/lib/loaders/node.d.ts',
    'README.md',
  ]) {
    assert.ok(files.includes(file), `${file} is missing`);
  }
  assert.ok(!files.some((file) => file.startsWith('src') || file.startsWith('test') || file.endsWith('lib/client.js')));
});

test('nothing that is internal is in the types', async () => {
  const types = await readFile(join(installed, 'dist/lib/source.d.ts'), 'utf8');
  assert.match(types, /class Source/);
  assert.doesNotMatch(types, /onBatch|onFailure/);
});
