// Commands and replies are cut right, wherever the bytes are cut; answers of the bridge's own come in their turn.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RepliesOwed } from '../../dist/lib/bridge/replies_owed.js';
import { BadReply, ReplyReader } from '../../dist/lib/bridge/replies.js';
import { RequestReader, Violation } from '../../dist/lib/bridge/requests.js';
import { encode } from './fixture.mjs';

const limits = { commandBytes: 4096, words: 64 };

function cut(bytes, sizes) {
  const parts = [];
  for (let at = 0, i = 0; at < bytes.length; at += sizes[i % sizes.length], ++i) {
    parts.push(Buffer.from(bytes.subarray(at, at + sizes[i % sizes.length])));
  }
  return parts;
}

function read(parts) {
  const reader = new RequestReader(limits);
  const found = [];
  for (const part of parts) {
    reader.push(part);
    for (let command = reader.next(); command !== undefined; command = reader.next()) found.push(command);
  }
  assert.equal(reader.pendingBytes, 0);
  // Looked at after everything has come: bytes that were handed out are never written again.
  return found.map((command) => [
    Buffer.from(command.bytes).toString('latin1'),
    command.count,
    command.text(command.count - 1),
  ]);
}

test('commands come out whole, cut at every size', () => {
  const commands = [['PING'], ['XADD', 'orders', '*', 'a', Buffer.alloc(1500, 0x0d)], ['XACK', 'o', 'g', ''], ['PING']];
  const bytes = Buffer.concat(commands.map((words) => encode(...words)));
  const expected = read([bytes]);
  assert.deepEqual(
    expected.map(([, count, last]) => [count, last.length]),
    [
      [1, 4],
      [5, 1500],
      [4, 0],
      [1, 4],
    ],
  );
  for (let size = 1; size < 100; ++size) assert.deepEqual(read(cut(bytes, [size])), expected, `pieces of ${size}`);
  assert.deepEqual(read(cut(bytes, [1, 700, 3, 64])), expected);
});

test('what is no command is told at once, what is too large before it has come', () => {
  const wrong = [
    ['PING\r\n', 1002, /'P' where '\*'/],
    ['*0\r\n', 1002, /no words/],
    ['*1\r\n:1\r\n', 1002, /':' where '\$'/],
    ['*x\r\n', 1002, /no number/],
    ['*-1\r\n', 1002, /no number/],
    [`*${'1'.repeat(40)}`, 1002, /no number/],
    ['*1\r\n$4\r\nPINGxx', 1002, /not as long/],
    ['*1\r\n$5000\r\n', 1009, /5\d\d\d bytes or more; 4096 are allowed/],
    ['*65\r\n', 1009, /65 words; 64 are allowed/],
    ['\x00', 1002, /byte 0x00/],
  ];
  for (const [text, closeCode, message] of wrong) {
    const reader = new RequestReader(limits);
    reader.push(Buffer.from(text, 'latin1'));
    assert.throws(
      () => reader.next(),
      (error) => error.closeCode === closeCode && message.test(error.message),
      text,
    );
  }
});

const replies = [
  ['+OK\r\n', 'answer'],
  ['-ERR x\r\n', 'answer'],
  [':-7\r\n', 'answer'],
  ['$5\r\na\r\n*1\r\n', 'answer'],
  ['$-1\r\n', 'answer'],
  ['*-1\r\n', 'answer'],
  ['*0\r\n', 'answer'],
  ['*2\r\n*1\r\n*2\r\n$3\r\n1-0\r\n*-1\r\n:1\r\n', 'answer'],
  ['%2\r\n+a\r\n:1\r\n$1\r\nb\r\n*2\r\n_\r\n#t\r\n', 'answer'],
  ['>3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nb\r\n', 'push'],
  ['|1\r\n+ttl\r\n:3\r\n*1\r\n|1\r\n+x\r\n:1\r\n$1\r\nz\r\n', 'answer'],
  ['|0\r\n+OK\r\n', 'answer'],
  ['=7\r\ntxt:abc\r\n', 'answer'],
  ['~1\r\n,1.5\r\n', 'answer'],
  ['(123456789012345678901234567890\r\n', 'answer'],
];

test('replies of both protocols end where they end, cut at every size', () => {
  const bytes = Buffer.from(replies.map(([text]) => text).join(''), 'latin1');
  const expected = [];
  for (const [text, kind] of replies) expected.push([(expected.at(-1)?.[0] ?? 0) + text.length, kind]);
  for (let size = 1; size <= bytes.length; ++size) {
    const reader = new ReplyReader();
    const found = [];
    let before = 0;
    for (const part of cut(bytes, [size])) {
      reader.feed(part, (offset, kind) => found.push([before + offset, kind]));
      before += part.length;
    }
    assert.deepEqual(found, expected, `pieces of ${size}`);
    assert.ok(reader.isBetween);
  }
});

test('a message to a subscriber of RESP2 is no answer, one like it to somebody else is', () => {
  const kinds = (subscribed) => {
    const reader = new ReplyReader();
    reader.subscribed = subscribed;
    const found = [];
    const text = '*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nb\r\n*2\r\n$4\r\npong\r\n$0\r\n\r\n';
    for (const part of cut(Buffer.from(text), [1])) reader.feed(part, (_, kind) => found.push(kind));
    return found;
  };
  assert.deepEqual(kinds(true), ['push', 'answer']);
  assert.deepEqual(kinds(false), ['answer', 'answer']);
});

test('garbage and what is endless are errors', () => {
  for (const text of [
    'hello',
    '$x\r\n',
    `*${'9'.repeat(30)}`,
    `+${'x'.repeat(70_000)}`,
    '*1\r\n'.repeat(40),
    '$?\r\n',
  ]) {
    assert.throws(() => new ReplyReader().feed(Buffer.from(text), () => undefined), /./, text.slice(0, 20));
  }
});

test('own answers come in their turn, and replaced ones are dropped, cut at every size', () => {
  const upstream = Buffer.from('+1\r\n*2\r\n:2\r\n:2\r\n+dropped\r\n$1\r\n4\r\n>1\r\n+p\r\n+5\r\n');
  for (let size = 1; size <= upstream.length; ++size) {
    let text = '';
    const owed = new RepliesOwed((bytes) => (text += Buffer.from(bytes).toString('latin1')));
    owed.expect();
    owed.answer('-a\r\n');
    owed.expect();
    owed.replace('-b\r\n');
    owed.answer('-c\r\n');
    owed.expect();
    owed.expect();
    owed.answer('-d\r\n');
    assert.equal(owed.size, 8);
    for (const part of cut(upstream, [size])) owed.handle(part);
    assert.equal(
      text,
      '+1\r\n-a\r\n*2\r\n:2\r\n:2\r\n-b\r\n-c\r\n$1\r\n4\r\n>1\r\n+p\r\n+5\r\n-d\r\n',
      `pieces of ${size}`,
    );
    assert.equal(owed.size, 0);
    owed.answer('-e\r\n');
    assert.ok(text.endsWith('-e\r\n'), 'with nothing owed it goes out at once');
  }
});

test('no own answer comes in the middle of a message to a subscriber', () => {
  let text = '';
  const owed = new RepliesOwed((bytes) => (text += Buffer.from(bytes).toString('latin1')));
  owed.subscribe();
  owed.handle(Buffer.from('*3\r\n$7\r\nmessage\r\n$1\r\na'));
  owed.answer('-NOPERM\r\n');
  owed.handle(Buffer.from('\r\n$1\r\nb\r\n'));
  assert.equal(text, '*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nb\r\n-NOPERM\r\n');
  assert.equal(owed.size, 0);
});

test('any bytes at all end in a command, an error of ours, or a wait for more', () => {
  let state = 20261121;
  const next = (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
  const pieces = [
    '*1\r\n',
    '*2\r\n',
    '$4\r\n',
    'PING\r\n',
    '$0\r\n',
    '\r\n',
    '+',
    '-1',
    ':',
    '%1\r\n',
    '|1\r\n',
    '>2\r\n',
  ].concat([...['~0\r\n', '_\r\n', '$-1\r\n', '*-1\r\n', '\0', '9', '\n', '\r', 'x']]);
  const seen = { commands: 0, violations: 0, replies: 0, bad: 0 };
  for (let round = 0; round < 20_000; ++round) {
    const text = Array.from({ length: 1 + next(12) }, () => pieces[next(pieces.length)]).join('');
    const bytes = Buffer.from('*1\r\n$4\r\nPING\r\n'.repeat(next(3)) + text, 'latin1');
    const parts = cut(bytes, [1 + next(bytes.length)]);
    const requests = new RequestReader(limits);
    try {
      for (const part of parts) {
        requests.push(part);
        while (requests.next() !== undefined) ++seen.commands;
      }
    } catch (error) {
      assert.ok(error instanceof Violation, `${error.stack} at ${JSON.stringify(text)}`);
      ++seen.violations;
    }
    const replies = new ReplyReader();
    try {
      for (const part of parts) replies.feed(part, () => ++seen.replies);
    } catch (error) {
      assert.ok(error instanceof BadReply, `${error.stack} at ${JSON.stringify(text)}`);
      ++seen.bad;
    }
  }
  for (const [what, count] of Object.entries(seen)) assert.ok(count > 20, `${count} ${what}`);
});
