// Reads the block that a turn of the module returns. What is kept is copied here: the block and the bytes that it
// points to end with the module's next call. What the records lead to is the loop's.
import type { ErrorInfo } from '../errors.js';

/** Kinds of records, by their numbers. */
const kinds = {
  batch: 1,
  acked: 2,
  published: 3,
  event: 4,
  connect: 5,
  close: 6,
  readable: 7,
  writable: 8,
  stream: 9,
  timeout: 10,
} as const;

/** Of an entry in the tables of a batch. */
const entryWords = 8;

/** Turns a part of some bytes to text, as UTF-8; what is no UTF-8 becomes U+FFFD. */
export type DecodeText = (bytes: Uint8Array, start: number, end: number) => string;

/** A batch as it was copied out: nothing of it is decoded yet. */
export interface BatchData {
  readonly source: number;
  readonly reason: number;
  readonly batch: number;
  readonly count: number;
  /** count x 8: id as ms and seq, stream, first slice, fields, deliveries; then two words a slice. */
  readonly words: Uint32Array;
  readonly bytes: Uint8Array;
}

/** One entry's result of a publish. */
export interface PublishResult {
  /** Of the new entry; empty on an error, and in Pub/Sub. */
  readonly id: string;
  /** Why it was not written. */
  readonly error?: ErrorInfo;
  /** It was sent again after a reply was lost, and may be there twice. */
  readonly maybeDuplicate: boolean;
  /** It ended without confirmation, and may be there. */
  readonly maybeWritten: boolean;
  /** Entries of the stream that were published later went in before it. */
  readonly reordered: boolean;
}

/** What a connect record asks for. */
export interface ConnectOrder {
  readonly host: string;
  readonly port: number;
  readonly unixPath?: string;
  readonly tls?: { serverName: string; verify: boolean; ca: string; cert: string; key: string };
}

/** Whom the records are told, in their order. None of these may call the module. */
export interface TurnSink {
  batch(data: BatchData): void;
  acked(source: number, batch: number, indices: Uint32Array): void;
  published(ticket: number, results: PublishResult[]): void;
  event(json: string): void;
  connect(conn: number, deadline: number, order: ConnectOrder): void;
  close(conn: number): void;
  readable(conn: number, wanted: boolean): void;
  writable(conn: number): void;
  stream(source: number, index: number, name: string): void;
}

/** When to turn again at the latest, in microseconds (-1: not before something happens), and whether at once. */
export interface TurnEnd {
  readonly at: number;
  readonly more: boolean;
}

const resultFlags = { error: 1, maybeDuplicate: 2, maybeWritten: 4, reordered: 8 } as const;

/** Views of the module's memory. */
export class Memory {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly words: Uint32Array<ArrayBuffer>;
  readonly doubles: Float64Array<ArrayBuffer>;

  constructor(bytes: Uint8Array<ArrayBuffer>) {
    this.bytes = bytes;
    this.words = new Uint32Array(bytes.buffer);
    this.doubles = new Float64Array(bytes.buffer);
  }
}

/** Reads the block at `address`, which must be as the module's call has just returned it. */
export function readBlock(memory: Memory, address: number, decode: DecodeText, sink: TurnSink): TurnEnd {
  const { words, doubles, bytes } = memory;
  const end = address + words[address >> 2]!;
  let end_: TurnEnd = { at: -1, more: false };
  let at = address + 8;
  while (at < end) {
    const w = at >> 2;
    const payload = w + 2;
    const size = words[w + 1]!;
    switch (words[w]) {
      case kinds.batch:
        sink.batch(readBatch(memory, payload));
        break;
      case kinds.acked: {
        const count = words[payload + 1]!;
        sink.acked(words[payload]!, doubles[(payload + 2) >> 1]!, words.slice(payload + 4, payload + 4 + count));
        break;
      }
      case kinds.published:
        sink.published(doubles[payload >> 1]!, readResults(memory, payload, decode));
        break;
      case kinds.event:
        sink.event(decode(bytes, (payload + 2) << 2, ((payload + 2) << 2) + words[payload]!));
        break;
      case kinds.connect: {
        const start = (payload + 6) << 2;
        const order = JSON.parse(decode(bytes, start, start + words[payload + 4]!)) as ConnectOrder;
        sink.connect(words[payload]!, doubles[(payload + 2) >> 1]!, order);
        break;
      }
      case kinds.close:
        sink.close(words[payload]!);
        break;
      case kinds.readable:
        sink.readable(words[payload]!, words[payload + 1] !== 0);
        break;
      case kinds.writable:
        sink.writable(words[payload]!);
        break;
      case kinds.stream: {
        const start = (payload + 4) << 2;
        sink.stream(words[payload]!, words[payload + 1]!, decode(bytes, start, start + words[payload + 2]!));
        break;
      }
      case kinds.timeout:
        end_ = { at: doubles[payload >> 1]!, more: words[payload + 2] !== 0 };
        break;
      default:
        throw new Error(`a record of the unknown kind ${words[w]}`);
    }
    if (size < 8) throw new Error(`a record of ${size} bytes`);
    at += size;
  }
  return end_;
}

function readBatch({ words, doubles, bytes }: Memory, payload: number): BatchData {
  const count = words[payload + 4]!;
  const slices = words[payload + 5]!;
  const runs = words[payload + 6]!;
  const tables = payload + 8;
  const tableEnd = tables + count * entryWords + slices * 2;
  // One buffer for all of it: each costs the garbage collector more than its bytes do.
  const wordCount = tableEnd - tables;
  const kept = new ArrayBuffer(wordCount * 4 + words[payload + 7]!);
  const table = new Uint32Array(kept, 0, wordCount);
  table.set(words.subarray(tables, tableEnd));
  const copy = new Uint8Array(kept, wordCount * 4);
  let filled = 0;
  for (let run = tableEnd; run < tableEnd + runs * 2; run += 2) {
    const from = words[run]!;
    const size = words[run + 1]!;
    copy.set(bytes.subarray(from, from + size), filled);
    filled += size;
  }
  return {
    source: words[payload]!,
    reason: words[payload + 1]!,
    batch: doubles[(payload + 2) >> 1]!,
    count,
    words: table,
    bytes: copy,
  };
}

function readResults({ words, bytes }: Memory, payload: number, decode: DecodeText): PublishResult[] {
  const count = words[payload + 2]!;
  let text = (payload + 4 + count * 2) << 2;
  const results: PublishResult[] = [];
  for (let i = 0; i < count; ++i) {
    const flags = words[payload + 4 + i * 2]!;
    const end = text + words[payload + 5 + i * 2]!;
    const words_ = decode(bytes, text, end);
    text = end;
    const isError = (flags & resultFlags.error) !== 0;
    results.push({
      id: isError ? '' : words_,
      ...(isError ? { error: JSON.parse(words_) as ErrorInfo } : {}),
      maybeDuplicate: (flags & resultFlags.maybeDuplicate) !== 0,
      maybeWritten: (flags & resultFlags.maybeWritten) !== 0,
      reordered: (flags & resultFlags.reordered) !== 0,
    });
  }
  return results;
}
