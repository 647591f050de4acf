// What the client asks of the core about batches and publishes: arguments go into the module's scratch, a refusal comes
// back as an error. Whoever calls decides whether to throw it.
import { lastError, MillraceError } from '../errors.js';
import { everyEntry } from '../module.js';
import type { Loop } from './loop.js';

/** What is done with entries of a batch. */
export type Settling =
  | { readonly kind: 'ack' | 'giveBack' }
  | { readonly kind: 'nack'; /** Microseconds; -1: as the source says. */ readonly delayUs: number }
  | { readonly kind: 'reject'; readonly error: string };

/** A text or bytes to send. */
export type Sendable = string | Uint8Array | number | bigint;
/** Fields of an entry to publish, in their order. */
export type SendableFields = readonly (readonly [name: string | Uint8Array, value: Sendable])[];

const encoder = new TextEncoder();
const noBytes = new Uint8Array(0);
/** A UTF-16 unit is at most so many bytes of UTF-8. */
const bytesPerUnit = 3;
/** Up to so many bytes room is taken for the worst case, in place of measuring first. */
const guessBytesMax = 64 * 1024;

function scratch(loop: Loop, bytes: number): number {
  const address = loop.module._mr_scratch(bytes);
  if (address === 0) throw lastError(loop.module);
  return address;
}

/** Does it with the entries at these positions, or with all; the error says why nothing of it was done. */
export function settle(
  loop: Loop,
  batch: number,
  indices: Uint32Array | undefined,
  how: Settling,
): MillraceError | undefined {
  return loop.call((module, handle, now) => {
    const count = indices ? indices.length : everyEntry;
    const error = how.kind === 'reject' ? encoder.encode(how.error) : noBytes;
    const indexBytes = indices ? indices.length * 4 : 0;
    if (indexBytes + error.length > 0) {
      const address = scratch(loop, indexBytes + error.length);
      const memory = loop.memory();
      if (indices) memory.words.set(indices, address >> 2);
      memory.bytes.set(error, address + indexBytes);
    }
    let status: number;
    switch (how.kind) {
      case 'ack':
        status = module._mr_ack(handle, batch, count, now);
        break;
      case 'giveBack':
        status = module._mr_give_back(handle, batch, count, now);
        break;
      case 'nack':
        status = module._mr_nack(handle, batch, count, how.delayUs, now);
        break;
      case 'reject':
        status = module._mr_reject(handle, batch, count, error.length, now);
    }
    loop.settledSome(now);
    return status === 0 ? undefined : lastError(module);
  });
}

const loneSurrogate = /\p{Surrogate}/u;

function checkText(text: string, what: string): string {
  const { isWellFormed } = text as { isWellFormed?: () => boolean };
  if (isWellFormed ? isWellFormed.call(text) : !loneSurrogate.test(text)) return text;
  throw new MillraceError('bad_argument', `${what} has a lone surrogate, which UTF-8 can't say; send bytes`);
}

/** What is sent for a value; the error names the field. */
function sendable(value: unknown, what: () => string): string | Uint8Array {
  switch (typeof value) {
    case 'string':
      return checkText(value, what());
    case 'number':
      if (!Number.isFinite(value)) throw new MillraceError('bad_argument', `${what()} is ${value}`);
      return String(value);
    case 'bigint':
      return String(value);
    default:
      if (value instanceof Uint8Array) return value;
      throw new MillraceError('bad_argument', `${what()} is neither text, bytes nor a number`);
  }
}

function sizeMax(part: string | Uint8Array): number {
  return typeof part === 'string' ? part.length * bytesPerUnit : part.length;
}

/** Queues entries; the ticket, or why nothing of it was taken. `hasWaited`: for room, and before a drain none is left. */
export function publish(
  loop: Loop,
  publisher: number,
  stream: string,
  entries: readonly SendableFields[],
  hasWaited = false,
): number | MillraceError {
  const counts: number[] = [];
  let parts: (string | Uint8Array)[] = [sendable(stream, () => 'the name of the stream')];
  for (const fields of entries) {
    counts.push(fields.length);
    for (const [name, value] of fields) {
      const key = sendable(name, () => 'the name of a field');
      parts.push(
        key,
        sendable(value, () => `the field '${String(name)}'`),
      );
    }
  }
  let room = parts.reduce((sum, part) => sum + sizeMax(part), 0);
  if (room > guessBytesMax) {
    parts = parts.map((part) => (typeof part === 'string' ? encoder.encode(part) : part));
    room = parts.reduce((sum, part) => sum + part.length, 0);
  }
  return loop.call((module, handle, now) => {
    const headBytes = 4 * (2 + counts.length + parts.length - 1);
    const address = scratch(loop, headBytes + room);
    const { words, bytes } = loop.memory();
    let end = address + headBytes;
    const write = (part: string | Uint8Array): number => {
      const start = end;
      if (typeof part === 'string') {
        end += encoder.encodeInto(part, bytes.subarray(end)).written;
      } else {
        bytes.set(part, end);
        end += part.length;
      }
      return end - start;
    };
    let word = address >> 2;
    let next = 0;
    words[word++] = write(parts[next++]!);
    words[word++] = counts.length;
    for (const fields of counts) {
      words[word++] = fields;
      for (let i = 0; i < 2 * fields; ++i) words[word++] = write(parts[next++]!);
    }
    const ticket = module._mr_publish(handle, publisher, end - address, now, hasWaited ? 1 : 0);
    loop.turnSoon();
    return ticket < 0 ? lastError(module) : ticket;
  });
}
