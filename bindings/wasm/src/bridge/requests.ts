// Cuts what a client sends into commands: arrays of bulk strings, as RESP says, bounded in size and words. Bytes come
// cut anywhere. What a command means is not known here. Bytes handed out are never written again, so they may wait in a
// socket's queue.
import type { Words } from './commands.js';

/** Why a connection ends: its code is that of the WebSocket's close. */
export class Violation extends Error {
  constructor(
    readonly closeCode: number,
    message: string,
  ) {
    super(message);
  }
}

export interface Command extends Words {
  /** As it came. */
  readonly bytes: Buffer;
}

export interface RequestLimits {
  /** Bytes of one command. */
  readonly commandBytes: number;
  /** Words of one command. */
  readonly words: number;
}

const headMax = 32;
const returnByte = 0x0d;
const roomLeast = 4096;

class CutCommand implements Command {
  constructor(
    readonly bytes: Buffer,
    private readonly places: readonly number[],
  ) {}

  get count(): number {
    return this.places.length / 2;
  }

  text(index: number): string {
    const start = this.places[2 * index];
    const size = this.places[2 * index + 1];
    if (start === undefined || size === undefined) throw new RangeError(`no word ${index} of ${this.count}`);
    return this.bytes.toString('latin1', start, start + size);
  }
}

export class RequestReader {
  private buffer: Buffer = Buffer.alloc(0);
  /** Whether the buffer was made here, with room behind what has come. */
  private isOurs = false;
  /** Where the unfinished command begins, and where what has come ends. */
  private begin = 0;
  private end = 0;
  /** Of the unfinished command, from its beginning on: what is read, how many words are missing, where the rest is. */
  private at = 0;
  private missing = -1;
  private places: number[] = [];

  constructor(private readonly limits: RequestLimits) {}

  /** Bytes of an unfinished command. */
  get pendingBytes(): number {
    return this.end - this.begin;
  }

  push(bytes: Buffer): void {
    const pending = this.pendingBytes;
    if (pending === 0) {
      this.buffer = bytes;
      this.begin = 0;
      this.end = bytes.length;
      return;
    }
    if (this.end + bytes.length > this.buffer.length || !this.isOurs) {
      const room = Math.max(2 * pending, pending + bytes.length, roomLeast);
      const grown = Buffer.allocUnsafeSlow(room);
      this.buffer.copy(grown, 0, this.begin, this.end);
      this.buffer = grown;
      this.isOurs = true;
      this.begin = 0;
      this.end = pending;
    }
    bytes.copy(this.buffer, this.end);
    this.end += bytes.length;
  }

  /** The next whole command; undefined: more must come. Throws a Violation. */
  next(): Command | undefined {
    if (this.missing < 0 && !this.readHead()) return undefined;
    while (this.missing > 0) {
      const head = this.line(0x24, '$');
      if (head === undefined) return undefined;
      const [size, start] = head;
      const end = start + size + 2;
      if (end > this.limits.commandBytes) {
        throw new Violation(1009, `a command of ${end} bytes or more; ${this.limits.commandBytes} are allowed`);
      }
      if (this.begin + end > this.end) return undefined;
      if (this.buffer[this.begin + end - 2] !== returnByte || this.buffer[this.begin + end - 1] !== 0x0a) {
        throw new Violation(1002, 'no RESP: a word is not as long as it says');
      }
      this.places.push(start, size);
      this.at = end;
      --this.missing;
    }
    return this.take();
  }

  private readHead(): boolean {
    if (this.pendingBytes === 0) return false;
    const head = this.line(0x2a, '*');
    if (head === undefined) return false;
    const [count, start] = head;
    if (count < 1) throw new Violation(1002, 'no RESP command: it has no words');
    if (count > this.limits.words) {
      throw new Violation(1009, `a command of ${count} words; ${this.limits.words} are allowed`);
    }
    this.missing = count;
    this.at = start;
    return true;
  }

  private take(): Command {
    const command = new CutCommand(this.buffer.subarray(this.begin, this.begin + this.at), this.places);
    this.begin += this.at;
    this.at = 0;
    this.missing = -1;
    this.places = [];
    if (this.begin === this.end) {
      this.buffer = Buffer.alloc(0);
      this.isOurs = false;
      this.begin = this.end = 0;
    }
    return command;
  }

  /** A line of a sign and a number: the number, and what comes behind the line, from the command's beginning on. */
  private line(sign: number, name: string): readonly [number, number] | undefined {
    const start = this.begin + this.at;
    if (start >= this.end) return undefined;
    if (this.buffer[start] !== sign) {
      const found = printableByte(this.buffer[start] ?? 0);
      throw new Violation(1002, `no RESP command: ${found} where '${name}' must be`);
    }
    const stop = Math.min(this.end, start + headMax);
    let at = start + 1;
    let value = 0;
    for (; at < stop && this.buffer[at] !== returnByte; ++at) {
      const digit = (this.buffer[at] ?? 0) - 0x30;
      if (digit < 0 || digit > 9) throw new Violation(1002, `no RESP command: no number behind '${name}'`);
      value = value * 10 + digit;
    }
    if (at === start + headMax || value > Number.MAX_SAFE_INTEGER) {
      throw new Violation(1002, `no RESP command: no number behind '${name}'`);
    }
    if (at + 1 >= this.end) return undefined;
    if (at === start + 1 || this.buffer[at + 1] !== 0x0a) {
      throw new Violation(1002, `no RESP command: no number behind '${name}'`);
    }
    return [value, at + 2 - this.begin];
  }
}

function printableByte(byte: number): string {
  return byte > 0x20 && byte < 0x7f ? `'${String.fromCharCode(byte)}'` : `byte 0x${byte.toString(16).padStart(2, '0')}`;
}
