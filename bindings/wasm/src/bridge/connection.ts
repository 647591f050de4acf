// One client: its WebSocket and its connection to the upstream. Owns both and what flows between them; each side is
// read only as fast as the other one takes it. Who may come in is not decided here.
import type { Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import type { RawData, WebSocket } from 'ws';
import { judge, printable, type Grant } from './commands.js';
import { Gate, Rate } from './flow.js';
import type { Level } from './log.js';
import type { Metrics } from './metrics.js';
import { BadReply } from './replies.js';
import { RepliesOwed } from './replies_owed.js';
import { RequestReader, Violation, type Command } from './requests.js';
import type { Settings } from './settings.js';
import { connectUpstream, UpstreamFailure } from './upstream.js';

/** How a WebSocket is closed; browsers show the number and the words. */
export const closeCodes = {
  protocol: 1002,
  text: 1003,
  tooLarge: 1009,
  restart: 1012,
  idle: 4408,
  upstreamClosed: 4502,
  upstreamUnreachable: 4503,
  upstreamRefused: 4504,
} as const;

const wordsMax = 131_072;
/** So many commands are passed on before their rate is reckoned. */
const commandsInARow = 1000;
/** For the peer to answer a close, and to take what is still on its way. */
const closeWaitMs = 2_000;

export interface ConnectionOwner {
  readonly settings: Settings;
  readonly registers: Metrics;
  log(level: Level, message: string, fields: Readonly<Record<string, string | number>>): void;
  ended(connection: Connection): void;
}

export class Connection {
  readonly ended: Promise<void>;
  private upstream: Socket | undefined;
  private upstreamClientId: string | undefined;
  private readonly abort = new AbortController();
  private readonly requests: RequestReader;
  private readonly owed: RepliesOwed;
  private readonly fromClient: Gate;
  private readonly fromUpstream: Gate;
  private readonly rates: { commands: Rate; up: Rate; down: Rate };
  private readonly timers = new Set<NodeJS.Timeout>();
  /** Of rates: when each side is read again. */
  private readonly slowed = new Map<string, NodeJS.Timeout>();
  private closedBy: { readonly code: number; readonly reason: string } | undefined;
  private readonly deniedNames = new Set<string>();
  private transaction: 'none' | 'open' | 'broken' = 'none';
  private isSubscribed = false;
  private isClosing = false;
  private isDraining = false;
  private isOver = false;
  private heardAt = performance.now();
  private takenAt = performance.now();
  private readonly openedAt = performance.now();
  private finish: () => void = () => undefined;

  constructor(
    private readonly ws: WebSocket,
    private readonly grant: Grant,
    readonly who: { readonly id: number; readonly token: string; readonly address: string; readonly client: string },
    private readonly owner: ConnectionOwner,
  ) {
    const { settings, registers: metrics } = owner;
    const now = performance.now();
    this.ended = new Promise((resolve) => (this.finish = resolve));
    this.requests = new RequestReader({ commandBytes: settings.messageBytes, words: wordsMax });
    this.owed = new RepliesOwed((bytes) => this.sendToClient(bytes));
    this.rates = {
      commands: new Rate(settings.commandsPerSecond, now),
      up: new Rate(settings.bytesPerSecond, now),
      down: new Rate(settings.bytesPerSecond, now),
    };
    const told = (why: string): void => metrics.add('paused', 1, why);
    this.fromClient = new Gate(
      () => ws.pause(),
      () => this.readOn(),
      told,
    );
    this.fromUpstream = new Gate(
      () => this.upstream?.pause(),
      () => this.upstream?.resume(),
      told,
    );
    ws.binaryType = 'nodebuffer';
    ws.on('message', (data, isBinary) => this.handleMessage(data, isBinary));
    ws.on('error', () => undefined); // what it was is in the code of the close that follows
    ws.on('close', (code, reason) => this.handleClientClosed(code, reason.toString('utf8')));
    this.fromClient.close('connecting');
    void this.connect();
  }

  /** The id that the upstream knows it by, while there is a connection. */
  get clientId(): string | undefined {
    return this.upstream === undefined ? undefined : this.upstreamClientId;
  }

  /** What waits here for one side or the other. */
  get bufferedBytes(): number {
    const upstream = this.upstream;
    const kept = upstream === undefined ? 0 : upstream.writableLength + upstream.readableLength;
    return this.ws.bufferedAmount + this.requests.pendingBytes + kept;
  }

  /** Ends it, if the client has neither said nor taken anything for as long as settings allow. */
  endIfIdle(now: number): void {
    const { idleMs } = this.owner.settings;
    // Who is owed an answer and takes it, however slowly, has nothing to say; and who is slowed down may not.
    const at = this.owed.size > 0 ? Math.max(this.heardAt, this.takenAt) : this.heardAt;
    if (this.slowed.size === 0 && now - at >= idleMs) {
      const what = this.fromClient.isClosed ? 'the upstream took nothing' : 'nothing was sent';
      this.close(closeCodes.idle, `${what} for ${idleMs} ms`);
    } else if (this.ws.bufferedAmount > 0 && now - this.takenAt >= idleMs) {
      this.close(closeCodes.idle, `nothing was taken for ${idleMs} ms`);
    }
  }

  /** No new commands; what was asked is still answered, for so long at most. Then the client is told to come again. */
  drain(deadlineMs: number): void {
    if (this.isClosing || this.isDraining) return;
    this.isDraining = true;
    this.fromClient.close('stopping');
    this.later(deadlineMs, () => this.close(closeCodes.restart, 'the bridge restarts'));
    this.closeIfDrained();
  }

  private closeIfDrained(): void {
    if (!this.isDraining || this.owed.size > 0 || this.fromUpstream.isClosed) return;
    this.close(closeCodes.restart, 'the bridge restarts');
  }

  private async connect(): Promise<void> {
    const { settings, registers: metrics } = this.owner;
    try {
      const { socket, clientId } = await connectUpstream(
        settings.upstream,
        settings.connectTimeoutMs,
        this.abort.signal,
      );
      this.upstreamClientId = clientId;
      this.adopt(socket);
    } catch (error) {
      if (!(error instanceof UpstreamFailure)) throw error;
      if (error.reason === 'cancelled') return;
      metrics.add('upstreamFailures', 1, error.reason);
      this.log('warn', 'upstream failed', { reason: error.reason, error: error.message });
      // The server's own words are for the operator: they may name hosts and users.
      const [code, words] =
        error.reason === 'refused'
          ? ([closeCodes.upstreamRefused, 'the upstream refused the bridge'] as const)
          : ([closeCodes.upstreamUnreachable, `the upstream can't be reached (${error.reason})`] as const);
      this.close(code, words);
    }
  }

  private adopt(socket: Socket): void {
    this.upstream = socket;
    if (this.isOver || this.isClosing) {
      socket.destroy();
      return;
    }
    this.owner.registers.add('upstreamConnections');
    socket.on('data', (bytes: Buffer) => this.handleReplies(bytes));
    socket.on('drain', () => this.fromClient.open('upstream'));
    socket.on('close', () => {
      this.owner.registers.add('upstreamConnections', -1);
      this.upstream = undefined;
      this.close(closeCodes.upstreamClosed, 'the upstream closed the connection');
    });
    if (!this.fromUpstream.isClosed) socket.resume();
    this.fromClient.open('connecting');
  }

  private handleMessage(data: RawData, isBinary: boolean): void {
    if (this.isClosing) return;
    this.heardAt = performance.now();
    if (!isBinary) return this.close(closeCodes.text, 'messages are binary here: the bytes of RESP commands');
    const bytes = data as Buffer;
    this.owner.registers.add('bytes', bytes.length, 'up');
    const socket = this.upstream;
    if (socket === undefined) return this.close(closeCodes.upstreamClosed, 'the upstream closed the connection');
    this.requests.push(bytes);
    this.passOn(socket);
    this.slow(this.fromClient, 'bytes', this.rates.up.take(bytes.length, this.heardAt));
  }

  /** After a pause: first what its last message left here. */
  private readOn(): void {
    if (this.upstream !== undefined && !this.isClosing) this.passOn(this.upstream);
    if (!this.fromClient.isClosed) this.ws.resume();
  }

  /** Passes commands on, as long as nothing holds the client up: one message may have any number of them. */
  private passOn(socket: Socket): void {
    while (!this.fromClient.isClosed) {
      const count = this.passSome(socket);
      if (count === 0) return;
      this.slow(this.fromClient, 'commands', this.rates.commands.take(count, performance.now()));
    }
  }

  private passSome(socket: Socket): number {
    const { bufferBytes, unanswered } = this.owner.settings;
    // Below its own mark the socket would not tell when it is empty.
    const waitingMax = Math.max(bufferBytes, socket.writableHighWaterMark);
    let count = 0;
    socket.cork();
    try {
      while (count < commandsInARow && this.owed.size <= unanswered && socket.writableLength <= waitingMax) {
        const command = this.requests.next();
        if (command === undefined) break;
        ++count;
        this.pass(command, socket);
      }
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      this.close(error.closeCode, error.message);
      return 0;
    } finally {
      socket.uncork();
    }
    if (socket.writableNeedDrain) this.fromClient.close('upstream');
    if (this.owed.size > unanswered) this.fromClient.close('unanswered');
    return count;
  }

  private pass(command: Command, socket: Socket): void {
    const verdict = judge(command, this.grant);
    const why = verdict.why ?? (verdict.effect === 'multi' ? this.whyNoTransaction() : undefined);
    if (verdict.why !== undefined || why !== undefined) return this.deny(verdict.name, why);
    if (verdict.effect === 'exec' && this.transaction === 'broken') {
      // As a server does where a command in front of EXEC was refused.
      socket.write('*1\r\n$7\r\nDISCARD\r\n', 'latin1');
      this.transaction = 'none';
      return this.owed.replace('-EXECABORT Transaction discarded because of previous errors.\r\n');
    }
    if (verdict.effect === 'multi') this.transaction = 'open';
    if (verdict.effect === 'exec') this.transaction = 'none';
    socket.write(command.bytes);
    this.owner.registers.add('commands');
    if (verdict.effect === 'subscribe') {
      this.isSubscribed = true;
      this.owed.subscribe();
    } else {
      this.owed.expect();
    }
  }

  private whyNoTransaction(): string | undefined {
    return this.isSubscribed ? 'MULTI: not on a connection that has subscribed' : undefined;
  }

  private deny(name: string, why = ''): void {
    this.owner.registers.add('denied', 1, name);
    if (!this.deniedNames.has(name)) {
      this.deniedNames.add(name);
      this.log('warn', 'command denied', { command: name, why });
    }
    if (this.transaction === 'open') this.transaction = 'broken';
    this.owed.answer(`-NOPERM the bridge: ${why}\r\n`);
    // No upstream holds up what the bridge answers by itself.
    if (this.ws.bufferedAmount > this.owner.settings.bufferBytes) this.fromClient.close('client');
  }

  private handleReplies(bytes: Buffer): void {
    if (this.isClosing) return;
    try {
      this.owed.handle(bytes);
    } catch (error) {
      if (!(error instanceof BadReply)) throw error;
      this.log('error', 'upstream sent no RESP', { error: printable(error.message) });
      return this.close(closeCodes.upstreamClosed, 'the upstream sent what is no RESP');
    }
    this.slow(this.fromUpstream, 'bytes', this.rates.down.take(bytes.length, performance.now()));
    if (this.owed.size <= this.owner.settings.unanswered / 2) this.fromClient.open('unanswered');
    this.closeIfDrained();
  }

  private sendToClient(bytes: Uint8Array): void {
    if (this.ws.bufferedAmount === 0) this.takenAt = performance.now();
    this.owner.registers.add('bytes', bytes.length, 'down');
    this.ws.send(bytes, { binary: true }, () => {
      this.takenAt = performance.now();
      if (this.ws.bufferedAmount <= this.owner.settings.bufferBytes / 2) {
        this.fromUpstream.open('client');
        this.fromClient.open('client');
      }
      this.closeIfDrained();
    });
    if (this.ws.bufferedAmount > this.owner.settings.bufferBytes) this.fromUpstream.close('client');
  }

  private slow(gate: Gate, what: 'bytes' | 'commands', forMs: number): void {
    if (forMs === 0) return;
    gate.close(what);
    // What still comes while it is closed adds to the debt: the last reckoning counts.
    const name = `${gate === this.fromClient ? 'up' : 'down'} ${what}`;
    const sooner = this.slowed.get(name);
    if (sooner !== undefined) this.forget(sooner);
    this.slowed.set(
      name,
      this.later(forMs, () => {
        this.slowed.delete(name);
        this.heardAt = performance.now();
        gate.open(what);
      }),
    );
  }

  private forget(timer: NodeJS.Timeout): void {
    clearTimeout(timer);
    this.timers.delete(timer);
  }

  private later(ms: number, what: () => void): NodeJS.Timeout {
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      what();
    }, ms);
    this.timers.add(timer);
    return timer;
  }

  /** The first reason counts. What is on its way to the client is still sent, as long as the client takes it. */
  private close(code: number, reason: string): void {
    if (this.isClosing) return;
    this.isClosing = true;
    this.abort.abort();
    this.fromClient.open('stopping');
    this.ws.resume(); // else the client's answer to the close is never read
    this.ws.close(code, Buffer.from(reason, 'utf8').subarray(0, 120).toString('utf8'));
    this.later(closeWaitMs, () => this.ws.terminate());
    this.upstream?.destroy();
    this.closedBy = { code, reason };
  }

  private handleClientClosed(code: number, reason: string): void {
    this.isClosing = true;
    this.isOver = true;
    this.abort.abort();
    for (const timer of this.timers) clearTimeout(timer);
    this.timers.clear();
    this.upstream?.destroy();
    const why = this.closedBy ?? { code, reason: printable(reason) };
    this.owner.registers.add('closed', 1, known(why.code));
    const seconds = Math.round(performance.now() - this.openedAt) / 1000;
    this.log('info', 'closed', { code: why.code, reason: why.reason, seconds });
    this.owner.ended(this);
    this.finish();
  }

  private log(level: Level, message: string, fields: Readonly<Record<string, string | number>>): void {
    const { id, token, address } = this.who;
    this.owner.log(level, message, { connection: id, token, address, ...fields });
  }
}

/** A client may choose its code; of those that are not usual one label is enough. */
function known(code: number): string {
  const usual = [1000, 1001, 1005, 1006, 1008, 1011, ...Object.values(closeCodes)];
  return usual.includes(code) ? String(code) : 'other';
}
