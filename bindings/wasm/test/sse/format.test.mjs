// The text of events, held to a reader that is written after the standard: what goes in comes out, whatever it is made
// of.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { interpret } from './interpret.mjs';
import { idOf, message, readCursors } from '../../dist/lib/sse_format.js';

/** Numbers that are the same in every run: xorshift32. */
function random(seed) {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

const pieces = ['', ' ', 'a', ':', 'data: x', 'id: 9-9', 'event: no', ': ', '\ufeff', 'ä', '😀', '\0'].concat([
  '\n',
  '\r',
  '\r\n',
  '\n\n',
]);

test('any data comes out as it went in, its line ends as LF', () => {
  const next = random(20261121);
  for (let round = 0; round < 3000; ++round) {
    const sent = Array.from({ length: 1 + next(4) }, (_, i) => ({
      data: Array.from({ length: next(8) }, () => pieces[next(pieces.length)]).join(''),
      type: ['', 'order', 'two\nlines', 'a:b'][next(4)],
      id: `${round}-${i}`,
    }));
    const text = sent.map(({ data, type, id }) => message(type, data, id)).join('');
    const expected = sent.map(({ data, type, id }) => ({
      type: type.replace('\n', ' ') || 'message',
      data: data.replace(/\r\n|\r/g, '\n'),
      id,
    }));
    assert.deepEqual(interpret(text), expected, `round ${round}`);
  }
});

test('ids of one stream are entry ids, of several a text that has every place', () => {
  assert.equal(idOf(new Map([['orders', '5-1']]), ['orders']), '5-1');
  const streams = ['orders', 'a,b=c', 'ä😀 %'];
  const places = new Map([
    ['orders', '5-1'],
    ['a,b=c', '18446744073709551615-18446744073709551615'],
    ['ä😀 %', '0-0'],
  ]);
  const text = idOf(places, streams);
  assert.match(text, /^[\x21-\x7e]+$/);
  assert.deepEqual(readCursors(text, streams), places);
  places.delete('a,b=c');
  assert.deepEqual(readCursors(idOf(places, streams), streams), places);
  assert.deepEqual(readCursors('', streams), new Map());
});

test('an id that is none of ours, or names another stream, is no place', () => {
  const streams = ['orders', 'other'];
  const wrong = [
    '5',
    '5-',
    'x-1',
    '5-1',
    'orders',
    'orders=5',
    'secret=5-1',
    'orders=5-1,orders=6-1',
    'orders=5-1,',
    'orders=5-1=2',
    '%=5-1',
    'orders=18446744073709551616-0',
  ];
  for (const text of wrong) assert.equal(readCursors(text, streams), undefined, text);
  for (const text of ['orders=5-1', '5', '$', '5-1 ', '5-1\n', '99999999999999999999-0']) {
    assert.equal(readCursors(text, ['orders']), undefined, text);
  }
});
