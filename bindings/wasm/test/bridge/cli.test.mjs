// The command: what it says of wrong options, and a life from the first line of its log to a signal.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { closeCodes } from '../../dist/lib/bridge/connection.js';
import { options, readCommandLine, usage } from '../../dist/lib/bridge/options.js';
import { open, startRedis, token, until } from './fixture.mjs';

const cli = fileURLToPath(new URL('../../dist/lib/bridge/cli.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'millrace-bridge-'));
const tokens = join(folder, 'tokens');
let redis;
before(async () => {
  writeFileSync(tokens, `# who may come\ntests ${token}\nviewer token-of-a-viewer allow=tail keys=orders,pay\n`);
  redis = await startRedis();
});
after(async () => {
  await redis.stop();
  rmSync(folder, { recursive: true });
});

const good = ['--upstream=redis://127.0.0.1:1', '--keys=orders', `--tokens-file=${tokens}`];

test('each wrong option is one line that names it', () => {
  const faults = (words, environment = {}) => readCommandLine(words, environment);
  const cases = [
    [['--upstraem=x'], /^--upstraem: no option of the bridge; is it --upstream\?$/],
    [['orders'], /^orders: no option of the bridge$/],
    [['--idle=soon'], /^--idle: 'soon' is no time, like 500ms, 5s or 2m$/],
    [['--message-bytes=5MB'], /^--message-bytes: '5MB' is no number of bytes/],
    [['--connections=-1'], /^--connections: '-1' is no whole number$/],
    [['--listen=8080'], /^--listen: '8080' is no HOST:PORT$/],
    [['--log-format=xml'], /^--log-format: 'xml' is no format; logfmt or json$/],
    [['--open=yes'], /^--open: takes no value$/],
    [['--path'], /^--path: a value is missing$/],
    [['--path=/a', '--path=/b'], /^--path: given twice$/],
    [['--upstream=redis://u:secret@h'], /^--upstream: a password there is for everyone to see/],
    [['--tls-cert=/nowhere/x'], /^--tls-cert: can't read \/nowhere\/x: ENOENT$/],
  ];
  for (const [words, expected] of cases) {
    const found = faults(words);
    assert.match(found[0], expected);
    assert.ok(!JSON.stringify(found).includes('secret'));
  }
  const badTokens = faults([], { MILLRACE_BRIDGE_TOKENS: 'one\nname secret-token wrong=word\nx y allow=read' });
  assert.deepEqual(badTokens, [
    'tokens: line 1 is not NAME TOKEN [allow=ROLE,…] [keys=PREFIX,…]',
    'tokens: line 2 is not NAME TOKEN [allow=ROLE,…] [keys=PREFIX,…]',
    "tokens: line 3: allow: 'read' is none of tail, consume, publish, admin",
  ]);
});

test('what the usage text lists can be said, by word and by the environment', () => {
  const names = [...usage.matchAll(/^ {2}--([a-z-]+)(=|\s)/gm)].map(([, name]) => name);
  assert.ok(names.length > 25);
  for (const line of usage.split('\n')) assert.ok(line.length <= 130, line);
  const line = readCommandLine([...good, '--idle', '2m', '--origin=https://a.example,https://b.example'], {
    MILLRACE_BRIDGE_BUFFER_BYTES: '64KiB',
    MILLRACE_BRIDGE_IDLE: '1s',
    REDIS_PASSWORD: 'secret',
  });
  assert.equal(line.bridge.idleMs, 120_000);
  assert.equal(line.bridge.bufferBytes, 65_536);
  assert.equal(line.bridge.upstream.password, 'secret');
  assert.deepEqual(line.bridge.origins, ['https://a.example', 'https://b.example']);
  assert.deepEqual(line.bridge.tokens[1], {
    name: 'viewer',
    token: 'token-of-a-viewer',
    allow: ['tail'],
    keys: ['orders', 'pay'],
  });
});

test('the document names options, codes and statuses that there are', () => {
  const text = readFileSync(new URL('../../bridge.md', import.meta.url), 'utf8');
  const known = new Set(options.map(({ name }) => name));
  const named = [...text.matchAll(/`--([a-z-]+)/g)].map(([, name]) => name);
  assert.ok(named.length > 10);
  for (const name of named) assert.ok(known.has(name) || name === 'help', `--${name}`);
  for (const code of Object.values(closeCodes)) assert.ok(text.includes(String(code)), `${code} of a close`);
});

test('wrong options end it with status 2 before anything is opened, all of them told', () => {
  const ends = (...words) => {
    try {
      execFileSync(process.execPath, [cli, ...words], { stdio: 'pipe', env: {} });
    } catch (error) {
      return [error.status, String(error.stderr)];
    }
    return [0, ''];
  };
  const [status, text] = ends();
  assert.equal(status, 2);
  for (const what of ['upstream: say where Redis is', 'tokens: there are none', 'keys: say how']) {
    assert.ok(text.includes(`millrace-bridge: ${what}`), text);
  }
  assert.match(ends(...good, '--upstream=http://x')[1], /given twice/);
  assert.match(ends('--upstream=http://x', ...good.slice(1))[1], /none of redis:\/\/, rediss:\/\/, unix:\/\//);
  assert.match(ends('--upstream=redis://50%off@h', ...good.slice(1))[1], /^millrace-bridge: upstream: .* % /);
  const tls = ['--upstream=rediss://h', ...good.slice(1)];
  assert.match(ends(...tls, `--upstream-ca=${tokens}`)[1], /upstream: the authority is no certificate in PEM/);
  const both = [`--upstream-cert=${tokens}`, `--upstream-key=${tokens}`];
  assert.match(ends(...tls, ...both)[1], /upstream: the client certificate can't be used/);
  assert.match(ends(...tls, both[0])[1], /upstream: a client certificate and its key go together/);
  assert.match(ends(...good, '--origin=app.example')[1], /'app.example' is no origin, like https:\/\/app.example/);
  assert.match(String(execFileSync(process.execPath, [cli, '--help'])), /--upstream=URL/);
});

test('it listens, serves, takes new tokens on SIGHUP, and ends on SIGTERM', { timeout: 30_000 }, async () => {
  const words = ['--keys=orders', `--tokens-file=${tokens}`, '--listen=127.0.0.1:0', '--log-format=json'];
  const child = spawn(process.execPath, [cli, `--upstream=${redis.url}`, ...words, '--metrics-listen=127.0.0.1:0'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  child.stderr.on('data', (bytes) => (log += bytes));
  const ended = new Promise((resolve) => child.once('exit', (code) => resolve(code)));
  const lines = () =>
    log
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line));
  try {
    const { listen, metrics } = await until('it listens', () => lines().find(({ msg }) => msg === 'listening'));
    const url = `ws://${listen}/`;
    const client = await open(url).opened();
    assert.equal(await client.line('PING'), '+PONG');
    assert.equal((await fetch(`http://${listen}/readyz`)).status, 200);
    assert.equal((await fetch(`http://${listen}/metrics`)).status, 404);
    assert.match(await (await fetch(`http://${metrics}/metrics`)).text(), /millrace_bridge_connections 1\n/);
    const words = readFileSync(`/proc/${child.pid}/cmdline`, 'latin1');
    assert.ok(!words.includes(token));
    writeFileSync(tokens, 'tests a-token-that-is-new\n');
    child.kill('SIGHUP');
    await until('tokens are replaced', () => lines().find(({ msg }) => msg === 'tokens replaced'));
    const refused = open(url);
    assert.equal((await until('it is refused', () => refused.refused)).status, 401);
    // A line that is wrong changes nothing, and is not quoted.
    writeFileSync(tokens, 'tests a-token-that-is-newest\nviewer token-of-a-viewer all=tail\n');
    child.kill('SIGHUP');
    const { error } = await until('they are not', () => lines().find(({ msg }) => msg === 'tokens not replaced'));
    assert.equal(error, 'tokens: line 2 is not NAME TOKEN [allow=ROLE,…] [keys=PREFIX,…]');
    const again = open(url, { offers: [], headers: { authorization: 'Bearer a-token-that-is-new' } });
    await again.opened();
    child.kill('SIGTERM');
    assert.equal((await client.ends()).code, 1012);
    assert.equal(await ended, 0);
    assert.equal(lines().at(-1).msg, 'stopped');
    assert.ok(!log.includes(token) && !log.includes('a-token-that-is-new'), log);
  } finally {
    child.kill('SIGKILL');
    await ended;
  }
});
