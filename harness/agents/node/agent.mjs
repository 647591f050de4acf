// Protocol 1 over the npm package: one consumer or tail, requests in, answers and events out (harness/README.md).
//
// Nothing is acked but what the harness acks. While the harness does not read its end of stdout, no batch is taken.
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { connect, MillraceError } from 'millrace';
import { batchEvent, healthOf, letterOf, listen, readyEvent, redrivenOf, resultOf, valueTo } from './values.mjs';

const capabilities = ['streams', 'pubsub', 'tail', 'publish', 'claim', 'nack', 'dlq', 'redrive', 'dedupe', 'drain'];
capabilities.push('pause', 'many', 'pattern', 'config', 'tls', 'health', 'stats', 'concurrent');
const publishKeys = ['atomic', 'max_len', 'max_len_exact', 'max_age', 'keep_pending', 'idempotent'];
publishKeys.push('idempotent_window', 'idempotent_count', 'on_oom');

let client, source, startRe, keeps = true, isReady = false, isEnding = false;
const held = new Map(); // 'stream\0id' -> { batch, entry }
const lost = new Set();
const keyOf = (stream, id) => `${stream}\0${id}`;

function say(event) {
  return process.stdout.write(`${JSON.stringify(event)}\n`);
}

function errorEvent(error, re) {
  const { code = 'bad_argument', message, retryable = false } = error;
  return { event: 'error', ...(re === undefined ? {} : { re }), code, message, retryable };
}

function bad(message) {
  throw new MillraceError('bad_argument', message);
}

async function takeBatches() {
  try {
    for (;;) {
      const batch = await source.next();
      if (!batch) return;
      if (keeps) for (const entry of batch) held.set(keyOf(entry.stream, entry.id), { batch, entry });
      const isRoom = say(batchEvent(batch));
      batch.release();
      if (!isRoom) await once(process.stdout, 'drain');
    }
  } catch {
    // The event `failure` has told why.
  }
}

const tell = {
  ready(event) {
    isReady = true;
    keeps = event.delivery === 'streams';
    say(readyEvent(event, startRe));
  },
  lost(event) {
    for (const id of event.ids) lost.add(keyOf(event.stream, id));
  },
  failure(event) {
    if (event.closed && !isReady) return say({ ...errorEvent(event.error, startRe), closed: true });
    return say({ ...errorEvent(event.error), ...(event.closed ? { closed: true } : {}) });
  },
};

async function start({ re, url, stream, streams, pattern, group = '', consumer, from, config = {} }) {
  if (client) bad('start: there is a source already');
  startRe = re;
  const reads = { stream, streams, pattern };
  if (stream !== undefined || streams !== undefined || pattern !== undefined) {
    for (const key of Object.keys(reads)) delete config[key];
  }
  const made = await connect(url, config);
  try {
    listen(made, say, tell);
    const options = { ...reads, consumer, from };
    source = group === '' ? made.tail({ ...options, pattern }) : made.consumer({ ...options, group });
  } catch (error) {
    await made.close();
    throw error;
  }
  client = made;
  keeps = group !== '';
  void takeBatches();
}

// Asks for all of a batch's entries at once, and one by one where that is refused.
function settleOf(op, request) {
  if (op === 'ack') return (batch, which) => batch.ack(which);
  if (op === 'reject') return (batch, which) => batch.reject(String(valueTo(request.error)), which);
  if (request.release === true) return (batch, which) => batch.giveBack(which);
  return (batch, which) => batch.nack(which, { delayMs: request.delay_ms ?? undefined });
}

async function settle(request) {
  const codes = request.entries.map(() => 'ok');
  const byBatch = new Map();
  const items = request.entries.map(([stream, id], at) => ({ at, key: keyOf(stream, id) }));
  if (keeps) {
    for (const item of items) {
      const found = held.get(item.key);
      if (!found) codes[item.at] = lost.has(item.key) ? 'lost' : 'not_held';
      else byBatch.set(found.batch, [...(byBatch.get(found.batch) ?? []), { ...item, entry: found.entry }]);
    }
  }
  const settleSome = settleOf(request.op, request);
  for (const [batch, some] of byBatch) {
    try {
      settleSome(batch, some.map((item) => item.entry));
    } catch {
      for (const item of some) {
        try {
          settleSome(batch, [item.entry]);
        } catch (error) {
          codes[item.at] = error.code ?? 'bad_argument';
        }
      }
    }
    for (const item of some) if (codes[item.at] === 'ok' || codes[item.at] === 'lost') held.delete(item.key);
    if (request.op !== 'ack') continue;
    await batch.confirmed().catch((error) => {
      for (const item of some) {
        const isLost = error.code === 'lost' ? lost.has(item.key) : true;
        if (isLost && codes[item.at] === 'ok') codes[item.at] = error.code ?? 'closed';
      }
    });
  }
  say({ event: 'acked', re: request.re, entries: request.entries.map((entry, at) => [...entry, codes[at]]) });
}

async function publish({ re, stream, entries, options = {} }) {
  const unknown = Object.keys(options).find((key) => !publishKeys.includes(key));
  if (unknown) throw new MillraceError('unsupported', `publish: option '${unknown}'`);
  const fields = entries.map((entry) => entry.map(([name, value]) => [valueTo(name), valueTo(value)]));
  const results = await client.publish(stream, fields, options);
  say({ event: 'published', re, results: results.map(resultOf) });
}

async function end(re, timeoutMs, awaitsAcks) {
  if (isEnding) return;
  isEnding = true;
  let count = 0;
  if (client) {
    if (awaitsAcks) count = await client.drain({ timeoutMs });
    else count = await client.close({ timeoutMs });
    await client.close({ timeoutMs: 100 });
  }
  process.stdout.write(`${JSON.stringify({ event: 'drained', ...(re === undefined ? {} : { re }), held: count })}\n`, () =>
    process.exit(0));
}

const ops = {
  hello: ({ re }) => say({ event: 'hello', re, protocol: 1, name: 'millrace-node', version: '0.1.0', capabilities }),
  start,
  ack: settle,
  nack: settle,
  reject: settle,
  publish,
  async dead({ re, stream = startStream, after, count = 1000 }) {
    const letters = await client.dead(stream, { after, count });
    say({ event: 'dead', re, stream, entries: letters.map(letterOf) });
  },
  async redrive({ re, stream = startStream, ids }) {
    say({ event: 'redriven', re, stream, results: (await client.redrive(stream, ids)).map(redrivenOf) });
  },
  pause({ re }) {
    source.pause();
    say({ event: 'paused', re });
  },
  resume({ re }) {
    source.resume();
    say({ event: 'resumed', re });
  },
  async health({ re }) {
    say({ ...healthOf(await source.look({ timeoutMs: 500 })), event: 'health', re });
  },
  stats: ({ re }) => say({ event: 'stats', re, text: client.metrics() }),
  drain: ({ re, timeout_ms: timeoutMs = 5000 }) => end(re, timeoutMs, true),
};

let startStream;
for await (const line of createInterface({ input: process.stdin })) {
  let request = {};
  try {
    request = JSON.parse(line);
    if (!Object.hasOwn(ops, request.op)) bad(`unknown op '${request.op}'`);
    if (request.op === 'start') startStream = request.stream ?? request.streams?.[0];
    else if (!client && request.op !== 'hello' && request.op !== 'drain') bad('nothing is started');
    Promise.resolve(ops[request.op](request)).catch((error) => say(errorEvent(error, request.re)));
  } catch (error) {
    say(errorEvent(error, request.re));
  }
}
await end(undefined, 1000, false);
