// A block is read as the contract has it: blocks are written here by hand, word by word.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Entry, idOf } from '../../dist/lib/entry.js';
import { decodeText } from '../../dist/lib/host/host.js';
import { Memory, readBlock } from '../../dist/lib/host/records.js';

const blockAt = 1024;

/** Lays records into a memory, each given as its kind and its words or bytes. */
function memoryOf(records, runs = []) {
  const bytes = new Uint8Array(65536);
  const words = new Uint32Array(bytes.buffer);
  const doubles = new Float64Array(bytes.buffer);
  for (const [address, text] of runs) bytes.set(Buffer.from(text), address);
  let at = blockAt + 8;
  for (const [kind, ...parts] of records) {
    const start = at;
    words[at >> 2] = kind;
    at += 8;
    for (const part of parts) {
      if (typeof part === 'number') {
        words[at >> 2] = part;
        at += 4;
      } else if (typeof part === 'string') {
        bytes.set(Buffer.from(part), at);
        at += Buffer.byteLength(part);
      } else {
        assert.equal(at % 8, 0);
        doubles[at >> 3] = part.f64;
        at += 8;
      }
    }
    at = (at + 7) & ~7;
    words[(start >> 2) + 1] = at - start;
  }
  words[blockAt >> 2] = at - blockAt;
  return new Memory(bytes);
}

const f64 = (value) => ({ f64: value });

function read(memory) {
  const told = [];
  const sink = new Proxy(
    {},
    {
      get:
        (_, name) =>
        (...args) =>
          void told.push([name, ...args]),
    },
  );
  const end = readBlock(memory, blockAt, decodeText, sink);
  return { told, end };
}

test('an empty turn says when to turn again', () => {
  assert.deepEqual(read(memoryOf([[10, f64(123456789012), 1, 0]])), {
    told: [],
    end: { at: 123456789012, more: true },
  });
  assert.deepEqual(read(memoryOf([[10, f64(-1), 0, 0]])).end, { at: -1, more: false });
});

test('connections, events, results and names', () => {
  const order = '{"host":"localhost","port":6379}';
  const error = '{"code":"oom","message":"é","retryable":true}';
  const { told, end } = read(
    memoryOf([
      [9, 4, 2, 6, 0, 'örder'],
      [2, 4, 3, f64(77), 0, 2, 5],
      [3, f64(9), 3, 3 + Buffer.byteLength(error) + 3, 0, 3, 5, Buffer.byteLength(error), 2 | 8, 3, `1-1${error}2-2`],
      [4, 16, 0, '{"type":"ready"}'],
      [5, 11, 1, f64(5_000_000), order.length, 0, order],
      [6, 12, 0],
      [7, 13, 1],
      [7, 13, 0],
      [8, 14, 0],
      [10, f64(1), 0, 0],
    ]),
  );
  const flags = { maybeDuplicate: false, maybeWritten: false, reordered: false };
  assert.deepEqual(told, [
    ['stream', 4, 2, 'örder'],
    ['acked', 4, 77, Uint32Array.of(0, 2, 5)],
    [
      'published',
      9,
      [
        { id: '1-1', ...flags },
        { id: '', error: JSON.parse(error), ...flags, maybeWritten: true },
        { id: '2-2', ...flags, maybeDuplicate: true, reordered: true },
      ],
    ],
    ['event', '{"type":"ready"}'],
    ['connect', 11, 5_000_000, { host: 'localhost', port: 6379 }],
    ['close', 12],
    ['readable', 13, true],
    ['readable', 13, false],
    ['writable', 14],
  ]);
  assert.equal(end.at, 1);
});

test('a batch is copied out of the runs that hold its bytes', () => {
  const memory = memoryOf(
    [
      [1, 3, 2, f64(8), 2, 6, 2, 14, ...[5, 0, 7, 0, 1, 0, 2, 4], ...[0xffffffff, 0xffffffff, 9, 0x200000, 0, 4, 1, 1]]
        // Two fields, the second without a value; then one.
        .concat([0, 1, 1, 4, 5, 3, 8, 0, 8, 1, 9, 5], [4096, 8, 8192, 6]),
      [10, f64(-1), 0, 0],
    ],
    [
      [4096, 'aêé\u00e9xyz'.slice(0, 0) + 'aédcxyz'.padEnd(8)],
      [8192, 'bhello'],
    ],
  );
  const { told } = read(memory);
  const [[name, data]] = told;
  assert.equal(name, 'batch');
  assert.equal(data.source, 3);
  assert.equal(data.reason, 2);
  assert.equal(data.batch, 8);
  // Nothing of the memory is needed any more.
  memory.bytes.fill(0);
  const content = { data, streams: ['one', 'two'], decode: decodeText };
  const [first, second] = [new Entry(content, 0), new Entry(content, 1)];
  assert.equal(first.id, '5-7');
  assert.equal(first.stream, 'two');
  assert.equal(first.deliveries, 4);
  assert.deepEqual(first.fields, [
    ['a', 'édc'],
    ['xyz', ''],
  ]);
  assert.equal(first.get('a'), 'édc');
  assert.equal(first.get('xyz'), '');
  assert.equal(first.get('xy'), undefined);
  // Ids have 64 bits each, more than a double holds.
  assert.equal(second.id, `18446744073709551615-${(0x200000n << 32n) + 9n}`);
  assert.equal(second.stream, 'one');
  assert.equal(second.get('b'), 'hello');
  assert.equal(idOf(data.words, 1), second.id);
});

test('a record that nobody knows, or that has no size, is an error', () => {
  assert.throws(() => read(memoryOf([[99, 0, 0]])), /kind 99/);
  const memory = memoryOf([[6, 1, 0]]);
  memory.words[(blockAt >> 2) + 3] = 0;
  assert.throws(() => read(memory), /0 bytes/);
});

test('bytes that are no UTF-8, and a byte order mark, are decoded alike everywhere', () => {
  const bytes = Buffer.from([0x41, 0xff, 0xef, 0xbb, 0xbf, 0xc3, 0xa9]);
  assert.equal(decodeText(bytes, 0, bytes.length), 'A\ufffd\ufeffé');
  assert.equal(bytes.utf8Slice(0, bytes.length), 'A\ufffd\ufeffé');
});
