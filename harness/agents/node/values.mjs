// Values, events and answers as protocol 1 writes them: bytes that are no UTF-8 as {"b64"}, long ones by their digest.
import { createHash } from 'node:crypto';

const valueBytesMax = 4096;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Bytes, or text, as a value of a line. */
export function valueOf(given) {
  const bytes = typeof given === 'string' ? Buffer.from(given) : given;
  if (bytes.length > valueBytesMax) {
    return { sha256: createHash('sha256').update(bytes).digest('hex'), len: bytes.length };
  }
  try {
    return utf8.decode(bytes);
  } catch {
    return { b64: Buffer.from(bytes).toString('base64') };
  }
}

/** A value of a line as text or bytes. */
export function valueTo(json) {
  if (typeof json === 'string') return json;
  if (typeof json?.b64 === 'string') return Buffer.from(json.b64, 'base64');
  throw Object.assign(new Error(`a value must be text or {"b64":…}, not ${JSON.stringify(json)}`), { code: 'bad_argument' });
}

export function batchEvent(batch) {
  const now = Date.now();
  const entries = batch.entries.map((entry) => ({
    stream: entry.stream,
    id: entry.id === '0-0' ? '' : entry.id,
    fields: entry.byteFields.map(([name, value]) => [valueOf(name), valueOf(value)]),
    deliveries: entry.deliveries,
    t_ms: now,
  }));
  return { event: 'batch', reason: batch.reason, entries };
}

export function readyEvent({ delivery, guarantee, consumer, protocol, serverVersion, cursors = [] }, re) {
  const event = { event: 'ready', re, mode: delivery, delivery: guarantee, consumer, protocol };
  const places = cursors.map(({ stream, id }) => `${stream}=${id}`);
  return { ...event, server_version: serverVersion, ...(places.length > 0 ? { cursors: places } : {}) };
}

export function resultOf(result) {
  const flags = [];
  if (result.maybeDuplicate) flags.push('maybe_duplicate');
  if (result.maybeWritten) flags.push('maybe_written');
  if (result.reordered) flags.push('reordered');
  return result.error
    ? { error: result.error.code, message: result.error.message, flags }
    : { id: result.id, flags };
}

export function letterOf({ deadId, id, isCut, fields, ...origin }) {
  const json = { id: deadId, fields: fields.map(([name, value]) => [valueOf(name), valueOf(value)]) };
  if (id !== undefined) Object.assign(json, { origin_id: id }, origin);
  return isCut ? { ...json, cut: true } : json;
}

export function redrivenOf({ deadId, id, error, maybeDuplicate }) {
  const json = { dead_id: deadId, flags: maybeDuplicate ? ['maybe_duplicate'] : [] };
  if (error) return { ...json, error: error.code, message: error.message };
  return id === undefined ? json : { ...json, id };
}

/** OBS-2's names. */
export function healthOf(health) {
  return {
    healthy: health.healthy,
    error: health.error || null,
    mode: health.mode ?? null,
    consumerGroup: health.group || null,
    consumer: health.consumer || null,
    streamLength: health.streamLength ?? null,
    pendingMessages: health.pending ?? null,
    lag: health.lag ?? null,
    oldestPendingMs: health.oldestPending ?? null,
    held: health.held,
    sinceHeardMs: Math.trunc(health.sinceHeard),
    sinceLookedMs: health.sinceLooked === undefined ? null : Math.trunc(health.sinceLooked),
  };
}

function told({ code, message, retryable }) {
  return { code, message, retryable };
}

const translated = {
  modeChanged: (e) => ({ event: 'mode', mode: e.delivery, delivery: e.guarantee, server_version: e.serverVersion }),
  lost: (e) => ({ event: 'lost', entries: e.ids.map((id) => [e.stream, id]) }),
  duplicate: (e) => ({ event: 'duplicate', stream: e.stream, id: e.id, canonical_id: e.canonicalId }),
  groupRecreated: (e) => ({ event: 'group_recreated', stream: e.stream, from: e.from }),
  gap: (e) => ({ event: 'gap', stream: e.stream, from: e.cursor, to: e.first, missed: e.missed }),
  reset: (e) => ({ event: 'reset', stream: e.stream, from: e.cursor, last: e.last }),
  interrupted: (e) => ({ event: 'gap', stream: e.stream, lasted_ms: Math.trunc(e.lasted) }),
  tooLarge: (e) => ({ event: 'too_large', stream: e.stream, id: e.id ?? '', bytes: e.bytes }),
  deadLettered: (e) => ({
    event: 'dead_lettered',
    stream: e.stream,
    id: e.id,
    dead_stream: e.deadStream,
    deliveries: e.deliveries,
    error: e.error,
    dead_id: e.deadId,
  }),
  deadFailed: (e) => ({ event: 'dead_failed', stream: e.stream, id: e.id, dead_stream: e.deadStream, ...told(e.error) }),
  disconnected: (e) => ({ event: 'error', ...told(e.error), role: e.role, reason: e.reason }),
  reconnected: (e) => ({ event: 'reconnected', role: e.role, attempts: e.attempts }),
  log: (e) => ({ event: 'log', level: e.level, message: e.message, fields: e.fields }),
};

/** Says the client's events as the protocol names them; `own` are called by their names, before that. */
export function listen(client, say, own) {
  for (const [name, hear] of Object.entries(own)) client.on(name, hear);
  for (const [name, translate] of Object.entries(translated)) client.on(name, (event) => say(translate(event)));
}
