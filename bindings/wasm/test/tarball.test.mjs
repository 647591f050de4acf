// What an author installs: what is needed to run, to read types and to know the licences, and nothing else.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

function packed() {
  const json = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const listed = JSON.parse(json);
  const [{ files }] = Array.isArray(listed) ? listed : Object.values(listed);
  return files.map((file) => file.path);
}

test('the tarball has every file that package.json names, the licences, and no sources', async () => {
  const files = packed();
  const manifest = JSON.parse(await readFile(`${root}package.json`, 'utf8'));
  const named = JSON.stringify(manifest.exports).match(/\.\/[^"]+/g).filter((name) => name.includes('.', 1) && !name.endsWith('/'));
  const entries = named.filter((name) => /\.(js|wasm|ts|json)$/.test(name)).concat(Object.values(manifest.bin ?? {}));
  assert.ok(entries.length > 8, `only ${entries}`);
  for (const name of entries) assert.ok(files.includes(name.replace('./', '')), `${name} is not in the tarball`);
  for (const name of ['LICENSE', 'THIRD_PARTY_NOTICES', 'README.md']) assert.ok(files.includes(name), `no ${name}`);
  const strange = files.filter((name) => !/^(dist\/|LICENSE$|THIRD_PARTY_NOTICES$|package\.json$|[A-Za-z]+\.md$)/.test(name));
  assert.deepEqual(strange, []);
});

test('the notices have the licence of what is compiled in', async () => {
  const notices = await readFile(`${root}THIRD_PARTY_NOTICES`, 'utf8');
  assert.match(notices, /hiredis[^]*Redistributions in binary form must reproduce/);
});
