// Options become documents mechanically.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';

import { documentOf, jsonOf, keyOf } from '../../dist/lib/document.js';
import { asTransportError, reasonOfCode, reasonOfWords, toldOf, TransportError } from '../../dist/lib/transports/transport.js';

test('names become those of docs/configuration.md', async () => {
  const page = await readFile(new URL('../../../../docs/configuration.md', import.meta.url), 'utf8');
  const keys = [...page.matchAll(/^\| `([\w.]+)` \|/gm)].map(([, key]) => key.replace('tls.', ''));
  const options = await readFile(new URL('../../src/options.ts', import.meta.url), 'utf8');
  const names = [...options.matchAll(/^ {2}readonly (\w+)\?:/gm)].map(([, name]) => name);
  assert.ok(names.length > 50);
  assert.deepEqual(
    names
      .filter((name) => name !== 'tls')
      .map(keyOf)
      .sort(),
    keys.sort(),
  );
});

test('values stay as they are; what JSON cannot say is refused', () => {
  assert.deepEqual(
    JSON.parse(
      jsonOf(documentOf({ batchSize: 5, tls: { serverName: 'x' }, streams: ['aB'], group: undefined, from: null })),
    ),
    {
      batch_size: 5,
      tls: { server_name: 'x' },
      streams: ['aB'],
      from: null,
    },
  );
  for (const value of [NaN, Infinity, 5n, Symbol('x'), () => 1, new Date(0), new Map()]) {
    assert.throws(() => documentOf({ batchSize: value }), { code: 'bad_config', message: /^batchSize: / });
  }
});

test('errors of hosts have reasons, by code or by words', () => {
  assert.equal(reasonOfCode('ECONNREFUSED'), 'refused');
  assert.equal(reasonOfCode('ERR_SSL_WRONG_VERSION_NUMBER'), 'tls_failed');
  assert.equal(reasonOfCode('EWHATEVER'), undefined);
  const words = {
    'Connection refused (os error 111)': 'refused',
    'failed to lookup address information: Name or service not known': 'dns',
    'invalid peer certificate: UnknownIssuer': 'tls_unknown_authority',
    'invalid peer certificate: Expired': 'tls_expired',
    'invalid peer certificate: certificate not valid for name "a"': 'tls_wrong_host',
    'received fatal alert: CertificateRequired': 'tls_certificate_wanted',
    'Connection reset by peer': 'reset',
  };
  for (const [text, reason] of Object.entries(words)) assert.equal(reasonOfWords(text), reason, text);
});

test('what a transport says is told, but for what may hold a token', () => {
  assert.deepEqual(toldOf(new TransportError('refused', 'the bridge is full')), {
    reason: 'refused',
    words: 'the bridge is full',
  });
  const plain = asTransportError(Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }));
  assert.equal(plain.reason, 'refused');
  assert.equal(toldOf(plain).words, undefined, 'the reason says it all');
  const strange = asTransportError(Object.assign(new Error('connect EMFILE'), { code: 'EMFILE' }));
  assert.equal(toldOf(strange).words, 'connect EMFILE');
  assert.equal(toldOf(new TypeError('no constructor')).words, 'TypeError: no constructor');
  const quoting = new DOMException("The subprotocol 'millrace.token.hunter2=' is invalid.", 'SyntaxError');
  assert.doesNotMatch(toldOf(quoting).words, /hunter2/);
  assert.equal(toldOf(undefined).words, 'undefined');
});
