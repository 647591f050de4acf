// The loop of one client: turns the module after every input, does what it asks with sockets and timers, and tells the
// client what came. It knows nothing of consumers and promises.
import { learnCodes, MillraceError } from '../errors.js';
import { reviveBytes } from '../events.js';
import { disconnectReasons } from '../module.js';
import type { DisconnectReason, MillraceModule } from '../module.js';
import type { Transport } from '../transports/transport.js';
import { Connection } from './connection.js';
import type { ConnectionOwner } from './connection.js';
import { Memory, readBlock } from './records.js';
import type { BatchData, ConnectOrder, DecodeText, PublishResult, TurnSink } from './records.js';

/** What a turn brings, for the client. */
export interface LoopListener {
  batch(data: BatchData): void;
  acked(source: number, batch: number, indices: Uint32Array): void;
  published(ticket: number, results: PublishResult[]): void;
  stream(source: number, index: number, name: string): void;
  /** Told after everything else of the turn was read, so it may call the module. */
  event(event: { readonly type: string }): void;
  /** The module is of no use any more. */
  broken(error: MillraceError): void;
}

const writeSizeMax = 512 * 1024;
/** After so many turns in a row others get their turn. */
const turnsInARowMax = 16;
const wallInterval = 1_000_000;
/** Microseconds of a burst of acks after which a write is worth what it costs: about as long as it takes. With batches
 * of 10 a longer one has server and application wait for each other by turns, which takes a quarter off. */
const writeInterval = 20;
const memoryWait = 100_000;
/** Longer waits than a timer can have are had in pieces. */
const waitMsMax = 3_600_000;

/** Microseconds of the host's monotonic clock. */
export function monotonicNow(): number {
  return Math.floor(performance.now() * 1000);
}

/** Microseconds since the Unix epoch. */
export function wallNow(): number {
  return Date.now() * 1000;
}

function parseEvent(json: string): { type: string } {
  // A reviver is called for every member, and events with bytes are rare.
  return JSON.parse(json, json.includes('"b64"') ? reviveBytes : undefined) as { type: string };
}

export class Loop implements TurnSink, ConnectionOwner {
  readonly module: MillraceModule;
  readonly handle: number;
  readonly #transport: Transport;
  readonly #decode: DecodeText;
  readonly #defer: (task: () => void) => void;
  readonly #listener: LoopListener;
  readonly #connections = new Map<number, Connection>();
  #memory: Memory;
  #events: string[] = [];
  #actions: (() => void)[] = [];
  readonly #writables = new Set<number>();
  /** What a transport said last: it is not told again before a connection was made. */
  #told: string | undefined;
  #isTurnDue = false;
  #isTurning = false;
  #isOver = false;
  /** Of the last turn or write. */
  #burstAt = 0;
  #wallToldAt = monotonicNow();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #timerAt = Infinity;

  constructor(
    module: MillraceModule,
    handle: number,
    host: { transport: Transport; decode: DecodeText; defer: (task: () => void) => void },
    listener: LoopListener,
  ) {
    this.module = module;
    this.handle = handle;
    this.#transport = host.transport;
    this.#decode = host.decode;
    this.#defer = host.defer;
    this.#listener = listener;
    this.#memory = new Memory(module.HEAPU8);
  }

  /** The module's memory as it is now. */
  memory(): Memory {
    if (this.#memory.bytes.buffer !== this.module.HEAPU8.buffer) this.#memory = new Memory(this.module.HEAPU8);
    return this.#memory;
  }

  /** Calls the module; what it throws is the end of it. */
  call<T>(use: (module: MillraceModule, handle: number, now: number) => T): T {
    if (this.#isOver) throw new MillraceError('closed', 'the client is closed');
    try {
      return use(this.module, this.handle, monotonicNow());
    } catch (error) {
      // Of Embind's, about an argument: nothing was called.
      const isArgument = error instanceof Error && error.name === 'BindingError';
      throw isArgument ? new MillraceError('bad_argument', error.message) : this.#break(error);
    }
  }

  /** Turns and writes once the code that runs now has ended, and whatever it has woken: the acks of a burst of batches
   * and the reads that they make room for share a write, which costs more than all the rest. */
  turnSoon(): void {
    if (this.#isTurnDue || this.#isOver) return;
    this.#isTurnDue = true;
    this.#defer(() => {
      this.#isTurnDue = false;
      this.#turn();
      if (this.#writables.size === 0) return;
      const writables = [...this.#writables];
      this.#writables.clear();
      for (const conn of writables) this.#connections.get(conn)?.write();
    });
  }

  /** As `turnSoon`, for what was said of a batch. Of a long burst some goes out before its end, so that the server works
   * while the application does. */
  settledSome(now: number): void {
    this.turnSoon();
    if (now - this.#burstAt < writeInterval || this.#isTurning) return;
    this.#burstAt = now;
    for (const connection of this.#connections.values()) connection.write();
  }

  /** Runs what is due and does what the core wants done, but for writes: those follow soon. */
  #turn(): void {
    if (this.#isOver) return;
    if (this.#isTurning) {
      this.turnSoon();
      return;
    }
    this.#isTurning = true;
    try {
      this.#turnAll();
    } finally {
      this.#isTurning = false;
    }
    if (this.#writables.size > 0) this.turnSoon();
  }

  #turnAll(): void {
    learnCodes();
    for (let turns = 1; !this.#isOver; ++turns) {
      const now = monotonicNow();
      let next;
      try {
        if (now - this.#wallToldAt >= wallInterval) {
          this.#wallToldAt = now;
          this.module._mr_wall(this.handle, wallNow(), now);
        }
        this.#burstAt = now;
        const address = this.module._mr_turn(this.handle, now);
        // No memory to tell what there is: it is kept for the next turn, when something may have been freed.
        next =
          address === 0 ? { at: now + memoryWait, more: false } : readBlock(this.memory(), address, this.#decode, this);
      } catch (error) {
        this.#break(error);
        return;
      }
      this.#follow();
      const mayGoOn = next.more && turns < turnsInARowMax;
      if (!mayGoOn) {
        this.#wakeAt(next.more ? 0 : next.at, now);
        return;
      }
    }
  }

  /** What the records asked for: nothing of the block is looked at any more. */
  #follow(): void {
    if (this.#actions.length > 0) {
      const actions = this.#actions;
      this.#actions = [];
      for (const action of actions) action();
    }
    if (this.#events.length > 0) {
      const events = this.#events;
      this.#events = [];
      for (const json of events) this.#listener.event(parseEvent(json));
    }
  }

  #wakeAt(at: number, now: number): void {
    if (this.#isOver || at < 0) return;
    // A timer that fires too early is harmless, and cheaper than a new one each turn.
    if (this.#timer !== undefined && this.#timerAt <= at) return;
    clearTimeout(this.#timer);
    this.#timerAt = at;
    const waitMs = Math.min(waitMsMax, Math.max(0, Math.ceil((at - now) / 1000)));
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#timerAt = Infinity;
      this.#turn();
    }, waitMs);
  }

  /** Closes every connection and ends the module's machine. Nothing is told after it. */
  destroy(): void {
    if (this.#isOver) return;
    this.#stop();
    try {
      this.module.destroy(this.handle);
    } catch {
      // It is dropped with its memory.
    }
  }

  #stop(): void {
    this.#isOver = true;
    learnCodes();
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const connection of this.#connections.values()) connection.close();
    this.#connections.clear();
  }

  #break(error: unknown): MillraceError {
    if (error instanceof MillraceError) return error;
    const what = error instanceof Error ? error.message : String(error);
    const broken = new MillraceError('out_of_memory', `the module has ended: ${what}; connect anew`, false);
    if (!this.#isOver) {
      this.#stop();
      this.#listener.broken(broken);
    }
    return broken;
  }

  // ---- what connections tell

  connected(connection: Connection): void {
    this.#told = undefined;
    this.#input((now) => this.module._mr_connected(this.handle, connection.id, now));
  }

  disconnected(connection: Connection, reason: DisconnectReason, words?: string): void {
    this.#connections.delete(connection.id);
    const position = disconnectReasons.indexOf(reason);
    this.#input((now) => this.module._mr_disconnected(this.handle, connection.id, position, now));
    if (!words || words === this.#told) return;
    this.#told = words;
    const event = { type: 'log', level: 'warn', message: 'A connection failed', fields: { error: words } };
    this.#listener.event(event);
  }

  received(connection: Connection, bytes: Uint8Array): void {
    this.#input((now) => {
      for (let taken = 0; taken < bytes.length;) {
        const address = this.module._mr_room(this.handle, connection.id, bytes.length - taken);
        const size = address === 0 ? 0 : Math.min(this.module._mr_room_size(), bytes.length - taken);
        if (size === 0) {
          // Dead, or the memory was refused: the core knows which, and ends the connection itself.
          if (this.#connections.has(connection.id)) this.#drop(connection);
          return;
        }
        const whole = taken === 0 && size === bytes.length;
        this.memory().bytes.set(whole ? bytes : bytes.subarray(taken, taken + size), address);
        this.module._mr_fed(this.handle, connection.id, size, now);
        taken += size;
      }
    });
  }

  #drop(connection: Connection): void {
    connection.close();
    this.#connections.delete(connection.id);
    const dropped = disconnectReasons.indexOf('dropped');
    this.module._mr_disconnected(this.handle, connection.id, dropped, monotonicNow());
  }

  takeOutput(connection: Connection): Uint8Array<ArrayBuffer> | undefined {
    if (this.#isOver) return undefined;
    let output: Uint8Array<ArrayBuffer> | undefined;
    try {
      const list = this.module._mr_transmit(this.handle, connection.id) >> 2;
      const { words, bytes } = this.memory();
      const count = list === 0 ? 0 : words[list]!;
      let size = 0;
      for (let i = 0; i < count; ++i) size += words[list + 2 + i * 2]!;
      size = Math.min(size, writeSizeMax);
      if (size === 0) return undefined;
      output = new Uint8Array(size);
      let filled = 0;
      for (let i = 0; filled < size; ++i) {
        const from = words[list + 1 + i * 2]!;
        const part = Math.min(words[list + 2 + i * 2]!, size - filled);
        output.set(bytes.subarray(from, from + part), filled);
        filled += part;
      }
      this.module._mr_sent(this.handle, connection.id, size);
    } catch (error) {
      this.#break(error);
    }
    return output;
  }

  #input(tell: (now: number) => void): void {
    if (this.#isOver) return;
    try {
      tell(monotonicNow());
    } catch (error) {
      this.#break(error);
      return;
    }
    this.#turn();
  }

  // ---- what records say

  batch(data: BatchData): void {
    this.#listener.batch(data);
  }

  acked(source: number, batch: number, indices: Uint32Array): void {
    this.#listener.acked(source, batch, indices);
  }

  published(ticket: number, results: PublishResult[]): void {
    this.#listener.published(ticket, results);
  }

  stream(source: number, index: number, name: string): void {
    this.#listener.stream(source, index, name);
  }

  event(json: string): void {
    this.#events.push(json);
  }

  connect(conn: number, deadline: number, order: ConnectOrder): void {
    const connection = new Connection(conn, this);
    this.#connections.set(conn, connection);
    this.#actions.push(() => {
      if (this.#isOver) return;
      connection.open(this.#transport, order, (deadline - monotonicNow()) / 1000);
    });
  }

  close(conn: number): void {
    const connection = this.#connections.get(conn);
    this.#connections.delete(conn);
    if (connection) this.#actions.push(() => connection.close());
  }

  readable(conn: number, wanted: boolean): void {
    this.#actions.push(() => this.#connections.get(conn)?.setReadable(wanted));
  }

  writable(conn: number): void {
    this.#writables.add(conn);
  }
}
