// A batch against a module that is made up: what the core refuses in part, and seldom.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Batch, Lot } from '../../dist/lib/batch.js';

const everyEntry = 0xffffffff;
const scratchAt = 8;

/** A loop whose module refuses with these codes, one a call, where there is one; and which entries it was told of. */
function loopOf(codes) {
  const bytes = new Uint8Array(1024);
  const words = new Uint32Array(bytes.buffer);
  const told = [];
  let code;
  const settle = (what) => (_, batch, count) => {
    const indices = count === everyEntry ? 'all' : [...words.subarray(scratchAt / 4, scratchAt / 4 + count)];
    told.push([what, indices]);
    code = codes.shift();
    return code === undefined ? 0 : 1;
  };
  const module = {
    _mr_scratch: () => scratchAt,
    _mr_reject: settle('reject'),
    _mr_nack: settle('nack'),
    lastError: () => JSON.stringify({ code, message: code, retryable: false }),
  };
  const loop = { module, memory: () => ({ bytes, words }), call: (use) => use(module, 1, 0), settledSome: () => undefined };
  return { loop, told };
}

test('of a batch that is refused in part, what is still held is not settled', () => {
  const { loop, told } = loopOf(['lost', 'lost', 'queue_full', undefined]);
  const data = { source: 1, reason: 0, batch: 5, count: 3, words: new Uint32Array(24), bytes: new Uint8Array(0) };
  const batch = new Batch(new Lot(loop, data, ['s'], () => '', new Map()));
  assert.throws(() => batch.reject('no'), { code: 'lost' });
  assert.deepEqual(told.splice(0), [
    ['reject', 'all'],
    ['reject', [0]],
    ['reject', [1]],
    ['reject', [2]],
  ]);
  assert.equal(batch.settled, false);
  batch.nack();
  assert.deepEqual(told, [['nack', [1]]]);
  assert.equal(batch.settled, true);
});
