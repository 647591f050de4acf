// What a token may send: the table of commands against the core's own sources, and command by command.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { commands, judge, roles } from '../../dist/lib/bridge/commands.js';
import { KeyPrefixes, kindOf } from '../../dist/lib/bridge/keys.js';
import { scripts } from '../../dist/lib/bridge/scripts.js';

const source = (path) => readFileSync(new URL(`../../../../${path}`, import.meta.url), 'utf8');
const lua = [...source('core/src/command/scripts.cpp').matchAll(/string_view (\w+)_lua = R"lua\((.*?)\)lua"/gs)];

function why(words, { allow = roles, keys = ['orders'], owns = [] } = {}) {
  const grant = {
    roles: new Set(allow),
    keys: new KeyPrefixes(keys),
    database: 0,
    ownsClient: (id) => owns.includes(id),
  };
  // As strict as the bridge's own: what asks for a word that there is not ends the process.
  const text = (i) => words[i] ?? assert.fail(`word ${i} of '${words.join(' ')}'`);
  return judge({ count: words.length, text }, grant).why;
}
const passes = (line, options) => assert.equal(why(line.split(' '), options), undefined, line);
const denied = (line, reason, options) => assert.match(String(why(line.split(' '), options)), reason, line);

test("the scripts are the core's, each by its SHA", () => {
  assert.ok(lua.length >= 9);
  const theirs = lua.map(([, name, text]) => [name, createHash('sha1').update(text).digest('hex')]);
  assert.deepEqual(scripts.map(({ name, sha1 }) => [name, sha1]).sort(), theirs.sort());
});

test('every command that the least ACL rules name is in the table, unless scripts alone send it', () => {
  const inScripts = new Set(lua.flatMap(([, , text]) => [...text.matchAll(/'([A-Z]{3,})'/g)].map(([, name]) => name)));
  const known = new Set(commands.map(({ name }) => name));
  const wanted = [...source('docs/acl.md').matchAll(/`\+([a-z]+(?:\\\|[a-z]+)?)`/g)].map(([, name]) => name);
  assert.ok(wanted.length > 40, `${wanted.length} commands in docs/acl.md`);
  for (const name of new Set(wanted)) {
    const upper = name.replace('\\', '').toUpperCase();
    assert.ok(known.has(upper) || inScripts.has(upper.split('|')[0]), `${upper} of docs/acl.md`);
  }
});

const forms = [
  'HELLO 3 SETNAME millrace',
  'HELLO 2',
  'CLIENT SETNAME millrace',
  'CLIENT ID',
  'INFO server',
  'PING',
  'SELECT 0',
  'COMMAND INFO xreadgroup',
  'XLEN millrace:probe',
  'XLEN orders',
  'TIME',
  'MULTI',
  'EXEC',
  'XGROUP CREATE orders g 0 MKSTREAM',
  'XGROUP SETID orders g 0',
  'XGROUP DESTROY orders g',
  'XREADGROUP GROUP g c COUNT 10 STREAMS orders orders2 > >',
  'XREADGROUP GROUP g c COUNT 10 BLOCK 2000 STREAMS orders >',
  'XREAD COUNT 10 BLOCK 250 STREAMS orders 0-0',
  'XRANGE orders 1-0 1-0',
  'XREVRANGE orders + - COUNT 5',
  'XACK orders g 1-0 2-0',
  'XACKDEL orders g ACKED IDS 1 1-0',
  'XPENDING orders g',
  'XPENDING orders g 0-0 + 10 c',
  'XPENDING orders g IDLE 60000 0-0 + 10',
  'XCLAIM orders g c 60000 1-0 JUSTID',
  'XAUTOCLAIM orders g c 60000 0-0 COUNT 10 JUSTID',
  'XINFO GROUPS orders',
  'XINFO STREAM orders',
  'XINFO CONSUMERS orders g',
  'SCAN 0 MATCH orders-* COUNT 1000 TYPE stream',
  'TYPE orders',
  'MGET {orders}:lease:g:c-1 {orders}:lease:g:c-2',
  'MGET {orders}:seen:1:g:x',
  'SET {orders}:lease:g:c-1 t NX PX 30000',
  'XADD orders MAXLEN ~ 100 * a b',
  'XADD {orders}:dead * a b',
  'XDEL {orders}:dead 1-0',
  'PUBLISH orders x',
  'XCFGSET orders IDMP-DURATION 100 IDMP-MAXSIZE 100',
  'SUBSCRIBE orders',
  'UNSUBSCRIBE orders',
  'PSUBSCRIBE orders-*',
];

test('the forms that the core sends pass', () => {
  for (const line of forms) passes(line);
});

test('a command that breaks off behind any of its words is judged like every other', () => {
  for (const words of forms.map((line) => line.split(' '))) {
    for (let count = 1; count < words.length; ++count) why(words.slice(0, count));
  }
  denied('XREAD COUNT 1 BLOCK', /BLOCK is from 1/);
  denied('XREADGROUP GROUP g c COUNT 1 BLOCK', /BLOCK is from 1/);
});

test('what millrace never sends is denied, by whatever name', () => {
  for (const line of [
    'GET orders',
    'FLUSHALL',
    'CONFIG GET *',
    'KEYS *',
    'SCRIPT LOAD x',
    'DEL orders',
    'AUTH x',
    'RESET',
    'CLIENT LIST',
    'CLIENT NO-EVICT on',
    'XGROUP|DESTROY x orders g',
    'DISCARD',
    'MONITOR',
    'DEBUG SLEEP 1',
    'QUIT',
  ]) {
    denied(line, /is no command of millrace/);
  }
  denied('HELLO 3 AUTH default x SETNAME m', /own credentials/);
  denied('HELLO', /not in the form/);
  denied('SELECT 1', /database 0 alone/);
  denied('INFO', /not in the form/);
  denied('INFO all', /not in the form/);
  denied('XREADGROUP GROUP g c COUNT 1 BLOCK 0 STREAMS orders >', /BLOCK/);
  denied('XREADGROUP GROUP g c COUNT 1 STREAMS orders > >', /not in the form/);
  denied('SCAN 0', /not in the form/);
  denied('XREAD COUNT 0 STREAMS orders 0-0', /COUNT is from 1/);
  denied('XREADGROUP GROUP g c COUNT -1 STREAMS orders >', /COUNT is from 1/);
  denied('XRANGE orders - +', /COUNT is missing/);
  denied('XRANGE orders 1-0 2-0', /COUNT is missing/);
  denied('XREVRANGE orders + - COUNT 0', /COUNT is from 1/);
  denied('XPENDING orders g - + 0', /COUNT is from 1/);
  denied('XPENDING orders g IDLE 5 - + 99999999', /COUNT is from 1/);
  denied('CLIENT KILL ID 7', /no connection of this client/);
  denied('CLIENT KILL ADDR 1:2', /not in the form/);
  passes('CLIENT UNBLOCK 7', { owns: ['7'] });
});

test('keys are held to their prefixes, in every place where one can be', () => {
  const lines = [
    'XLEN secret',
    'XLEN my-orders',
    'XLEN {my-orders}:dead',
    'XREAD COUNT 1 STREAMS orders secret 0-0 0-0',
    'XREADGROUP GROUP g c COUNT 1 STREAMS secret >',
    'XACK secret g 1-0',
    'XINFO STREAM secret',
    'XGROUP CREATE secret g 0 MKSTREAM',
    'XADD secret * a b',
    'SUBSCRIBE orders secret',
    'PUBLISH secret x',
    'MGET {secret}:seen:1:g:x',
    'SET {secret}:lease:g:c t NX PX 1',
    'XADD {secret}:dead * a b',
    'XADD {order}s * a b',
  ];
  for (const line of lines) denied(line, /not among those of this token/);
  denied('SCAN 0 MATCH * COUNT 10', /pattern/);
  denied('SCAN 0 MATCH or[d]ers* COUNT 10', /pattern/);
  denied('PSUBSCRIBE orders-* *', /pattern/);
  passes('SCAN 0 MATCH * COUNT 10', { keys: ['*'] });
  denied('SET orders t NX PX 1', /no lease key/);
  denied('MGET orders', /no lease or seen key/);
  denied('XADD {orders}:seen:1:g:x * a b', /no stream or dead key/);
  assert.deepEqual(
    ['orders', 'orders:dead', '{orders}:dead', 'a{b}c:dead', '{o}:lease:g:c', 'o:lease:g', '{o}:published:p'].map(
      kindOf,
    ),
    ['stream', 'stream', 'dead', 'dead', 'lease', 'stream', 'published'],
  );
});

test('roles: a tail writes nothing, a consumer only to the dead, a publisher reads nothing', () => {
  const tail = { allow: ['tail'] };
  passes('XREAD COUNT 1 STREAMS orders 0-0', tail);
  for (const line of [
    'XADD orders * a b',
    'XREADGROUP GROUP g c COUNT 1 STREAMS orders >',
    'XACK orders g 1-0',
    'MULTI',
  ]) {
    denied(line, /is for tokens with/, tail);
  }
  passes('XADD {orders}:dead * a b', { allow: ['consume'] });
  denied('XADD orders * a b', /no dead key/, { allow: ['consume'] });
  denied('XREAD COUNT 1 STREAMS orders 0-0', /is for tokens with tail/, { allow: ['publish'] });
  denied('XGROUP DESTROY orders g', /is for tokens with admin/, { allow: ['tail', 'consume', 'publish'] });
});

test('scripts pass by SHA or text, with their own KEYS alone', () => {
  const sha = (name) => scripts.find((row) => row.name === name).sha1;
  const text = lua.find(([, name]) => name === 'free_lease')[2];
  passes(`EVALSHA ${sha('dead_letter')} 2 orders {orders}:dead g c 1-0 1 x`);
  passes(`EVALSHA ${sha('mark_seen').toUpperCase()} 3 orders {orders}:seen:1:g:a {orders}:seen:1:g:b g 0 keep 1-0`);
  passes(`EVALSHA ${sha('append')} 1 orders 0 0 0 0 0 0 a b`);
  assert.equal(why(['EVAL', text, '1', '{orders}:lease:g:c', 'token']), undefined);
  assert.match(why(['EVAL', `${text} `, '1', '{orders}:lease:g:c', 'token']), /none of millrace/);
  denied(`EVALSHA ${'0'.repeat(40)} 0`, /none of millrace/);
  denied(`EVALSHA ${sha('dead_letter')} 1 orders g c 1-0 1 x`, /not so many keys/);
  denied(`EVALSHA ${sha('dead_letter')} 2 orders orders g c 1-0 1 x`, /no dead key/);
  denied(`EVALSHA ${sha('free_lease')} 1 orders t`, /no lease key/);
  denied(`EVALSHA ${sha('dead_letter')} 2 secret {secret}:dead g c 1-0 1 x`, /not among those/);
  denied(`EVALSHA ${sha('append')} 9999 orders`, /not so many keys/);
  denied(`EVALSHA ${sha('dead_letter')} 2 orders`, /not so many keys/);
  denied(`EVALSHA ${sha('dead_letter')} 3 orders {orders}:dead orders g c 1-0 1 x`, /not so many keys/);
  denied(`EVALSHA ${sha('append')} 3 orders {orders}:published:p {orders}:published:q 0`, /not so many keys/);
  denied(`EVALSHA ${sha('redrive')} 2 {orders}:dead orders 1-0`, /redrive is not allowed/, { allow: ['consume'] });
});

test('what a client sent can not break a reply or a log line', () => {
  const said = why(['XLEN', 'secret\r\n+OK\r\n\x1b[2J']);
  assert.match(said, /^[\x20-\x7e]+$/);
});
