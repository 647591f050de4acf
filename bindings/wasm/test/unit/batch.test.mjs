// Batches against a module that is made up: what the core refuses in part, and answers seldom.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Batch, Lot } from '../../dist/lib/batch.js';
import { Tail } from '../../dist/lib/tail.js';

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
    _mr_ack: settle('ack'),
    lastError: () => JSON.stringify({ code, message: code, retryable: false }),
  };
  const memory = () => ({ bytes, words });
  const loop = { module, memory, call: (use) => use(module, 1, 0), settledSome: () => ++loop.turns, turns: 0 };
  return { loop, told };
}

/** What the module says of entries `1-0`, `2-0`, …, of the streams with these numbers. */
function dataOf(streamsOf) {
  const words = new Uint32Array(streamsOf.length * 8);
  streamsOf.forEach((stream, index) => words.set([index + 1, 0, 0, 0, stream], index * 8));
  return { source: 1, reason: 0, batch: 5, count: streamsOf.length, words, bytes: new Uint8Array(0) };
}

/** A batch of such entries, and where it waits for answers. */
function batchOf(loop, streamsOf, names = ['s', 't']) {
  const data = dataOf(streamsOf);
  const waiting = new Map();
  const lot = new Lot(loop, data, names, () => '', waiting);
  return { batch: new Batch(lot), lot, waiting, words: data.words };
}

test('a batch waits until all of its acks are answered, and no longer', async () => {
  const { loop } = loopOf([]);
  const { batch, lot, waiting } = batchOf(loop, [0, 0, 0]);
  batch.ack('1-0');
  batch.ack();
  assert.equal(loop.turns, 2, 'they are on their way now, and not with what comes next');
  let isConfirmed = false;
  const confirmed = batch.confirmed().then(() => (isConfirmed = true));
  lot.confirm(Uint32Array.of(0, 2));
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual([isConfirmed, waiting.size], [false, 1]);
  lot.confirm(Uint32Array.of(1));
  await confirmed;
  assert.equal(waiting.size, 0, 'an open client would keep every batch');
});

test('of acks without an answer those are lost whose entries are, in that stream', async () => {
  const { loop } = loopOf([]);
  const { batch, lot, waiting } = batchOf(loop, [0, 1, 0]);
  batch.ack();
  lot.lose('t', new Set(['1-0']));
  lot.lose('s', new Set(['2-0']));
  assert.equal(lot.unconfirmed, 3);
  lot.lose('s', new Set(['1-0']));
  assert.deepEqual([lot.unconfirmed, waiting.size], [2, 1]);
  lot.confirm(Uint32Array.of(1, 2));
  await assert.rejects(batch.confirmed(), { code: 'lost', message: "entry 1-0 of 's' was lost before its ack" });
  assert.equal(waiting.size, 0);
});

test('no entry is taken for another: not one of another batch, nor of another stream with its id', () => {
  const { loop, told } = loopOf([]);
  const { batch, words } = batchOf(loop, [0, 1]);
  words.copyWithin(8, 0, 4); // the second has the id of the first
  assert.throws(() => batch.ack(batchOf(loop, [0]).batch.at(0)), { code: 'bad_argument' });
  assert.throws(() => batch.ack('1-0'), { code: 'bad_argument', message: /several streams/ });
  assert.deepEqual(told, []);
  batch.ack(batch.at(1));
  assert.deepEqual(told, [['ack', [1]]]);
});

test('a batch that is released keeps ids, and not the bytes beside them', () => {
  const { batch, lot, words } = batchOf(loopOf([]).loop, [0]);
  batch.release();
  assert.notEqual(lot.words.buffer, words.buffer);
  batch.ack('1-0');
  assert.equal(batch.settled, true);
});

test('of a batch that is refused in part, what is still held is not settled', () => {
  const { loop, told } = loopOf(['lost', 'lost', 'queue_full', undefined]);
  const { batch } = batchOf(loop, [0, 0, 0]);
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

test('the cursors of a tail are those of what was handed over, whatever it says of itself later', async () => {
  const { loop } = loopOf([]);
  const tail = new Tail({ loop, decode: () => '', open: () => 1, forget: () => undefined }, {});
  const begins = (...ids) => ids.map((id, index) => ({ stream: 'st'[index], id }));
  tail.onStream(0, 's');
  tail.onStream(1, 't');
  tail.onReady({ delivery: 'tail', cursors: begins('0-5', '0-6') });
  tail.onBatch(dataOf([0, 0, 1]));
  assert.deepEqual(tail.cursors, ['s=0-5', 't=0-6'], 'nobody has it yet');
  await tail.next();
  assert.deepEqual(tail.cursors, ['s=2-0', 't=3-0']);
  // After a connection was lost; it has read on meanwhile.
  tail.onReady({ delivery: 'tail', cursors: begins('7-0', '8-0') });
  assert.deepEqual(tail.cursors, ['s=2-0', 't=3-0']);
});
