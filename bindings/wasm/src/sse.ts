// `millrace/sse`: a tail or a consumer as server-sent events, in a web-standard Response. The stream is pulled: an
// entry is read, and a batch acked, only when whoever reads the Response asks for more. Source of the format: the HTML
// standard, section 9.2, "Server-sent events".
import { field, idOf, message, readCursors, type Cursors } from './sse_format.js';

/** What is needed of an entry. */
export interface EventEntry {
  readonly id: string;
  readonly stream: string;
  readonly fields: Iterable<readonly [name: string, value: string]>;
}

/** What is needed of a batch. */
export interface EventBatch<Entry extends EventEntry = EventEntry> extends Iterable<Entry> {
  ack?(): unknown;
}

/** What is needed of a tail or a consumer; leaving the iteration must close it. */
export interface EventSourceOf<Entry extends EventEntry = EventEntry> extends AsyncIterable<EventBatch<Entry>> {
  /** Settles once it reads; `source` is its number in the client's events. */
  ready?(): Promise<{ readonly source?: number } | undefined>;
  /** Where it is in each stream, as `stream=id`. */
  readonly cursors?: readonly string[];
}

/** Entries that were trimmed before they could be read. */
export interface GapEvent {
  readonly source?: number;
  readonly stream: unknown;
  readonly cursor: string;
  readonly first: string;
  readonly missed?: number;
}

/** A stream that was made anew; it is read from its beginning. */
export interface ResetEvent {
  readonly source?: number;
  readonly stream: unknown;
  readonly cursor: string;
  readonly last: string;
}

/** Who tells of gaps: a millrace client. */
export interface EventTeller {
  on(name: 'gap', listener: (event: GapEvent) => void): unknown;
  on(name: 'reset', listener: (event: ResetEvent) => void): unknown;
}

export interface EventStreamOptions<Entry extends EventEntry = EventEntry> {
  /** The streams that are read. Of one, event ids are its entries' ids; of several, a text that has all places. */
  readonly streams: string | readonly string[];
  /**
   * Opens the reader. `cursors` is where the page was (Last-Event-ID), as a tail's option of this name takes it;
   * undefined when it comes for the first time. Only streams named above are in it.
   */
  readonly open: (
    cursors: readonly string[] | undefined,
    signal: AbortSignal,
  ) => EventSourceOf<Entry> | Promise<EventSourceOf<Entry>>;
  /** The client, whose gaps and resets become the events `gap` and `reset`. */
  readonly client?: EventTeller;
  /** For consumers: acks each batch once its last entry was taken. A page can't ack: what is on its way when it leaves
   * is lost to it, and not delivered again. */
  readonly ack?: boolean;
  /** The event's type, by default `message`. Line ends in it become spaces: the format can't carry them. */
  readonly event?: (entry: Entry) => string | undefined;
  /** The event's data, by default JSON of id, stream and fields; undefined passes the entry over. */
  readonly data?: (entry: Entry) => string | undefined;
  /** A comment after so long without an event (ms), so that proxies keep the connection. 0: none. Default 15000. */
  readonly heartbeatMs?: number;
  /** How long the page waits before it comes again (ms). Default: the browser's choice. */
  readonly retryMs?: number;
  /** Headers beside those of an event stream, for CORS for example. */
  readonly headers?: HeadersInit;
}

const heartbeatMsDefault = 15_000;
/** Entries share a chunk up to about so many characters. */
const chunkSize = 16 * 1024;

/**
 * Answers `request` with events. 400 when its Last-Event-ID is none of ours: then nothing is opened. The reader is
 * closed when the page leaves: when the body is cancelled, or the request's signal aborts.
 */
export function eventStream<Entry extends EventEntry>(request: Request, options: EventStreamOptions<Entry>): Response {
  const streams = typeof options.streams === 'string' ? [options.streams] : options.streams;
  const told = request.headers.get('last-event-id') ?? new URL(request.url).searchParams.get('lastEventId') ?? '';
  const cursors = readCursors(told, streams);
  const headers = new Headers(options.headers);
  if (cursors === undefined) {
    headers.set('content-type', 'text/plain; charset=utf-8');
    return new Response('Last-Event-ID is none of this stream of events\n', { status: 400, headers });
  }
  headers.set('content-type', 'text/event-stream');
  headers.set('cache-control', 'no-store');
  headers.set('x-accel-buffering', 'no');
  const feed = new Feed(streams, cursors, options, request.signal);
  // Nothing is read ahead: with a mark of 0 pull is called when somebody waits for bytes.
  return new Response(new ReadableStream(feed, { highWaterMark: 0 }), { headers });
}

type Step<Entry> =
  | { readonly what: 'batch'; readonly batch: IteratorResult<EventBatch<Entry & EventEntry>> }
  | { readonly what: 'told' | 'heartbeat' | 'gone' };

class Feed<Entry extends EventEntry> implements UnderlyingDefaultSource<Uint8Array> {
  private readonly encoder = new TextEncoder();
  private readonly abort = new AbortController();
  private iterator: AsyncIterator<EventBatch<Entry>> | undefined;
  private following: Promise<Step<Entry>> | undefined;
  private batch: EventBatch<Entry> | undefined;
  private entries: Iterator<Entry> | undefined;
  private source: number | undefined;
  /** What is to be sent before anything else. */
  private text = '';
  private isReady = false;
  private gaps: GapEvent[] = [];
  private resets: ResetEvent[] = [];
  private wake: () => void = () => undefined;
  private readonly unlisten: (() => void)[] = [];
  private isOver = false;
  private isCancelled = false;

  constructor(
    private readonly streams: readonly string[],
    private readonly cursors: Cursors,
    private readonly options: EventStreamOptions<Entry>,
    private readonly signal: AbortSignal,
  ) {}

  async start(): Promise<void> {
    const { options } = this;
    if (options.retryMs !== undefined) this.text = `retry: ${Math.round(options.retryMs)}\n\n`;
    this.listen();
    if (this.signal.aborted) return void this.end();
    // A reader that can't be closed is none of the page's, and nobody else is told.
    const gone = (): void => void this.end().catch(() => undefined);
    this.signal.addEventListener('abort', gone);
    this.unlisten.push(() => this.signal.removeEventListener('abort', gone));
    try {
      await this.open();
    } catch (error) {
      // As if the first thing to come were this error: then it is told, and all ends as always.
      this.following = Promise.reject(error as Error);
      this.following.catch(() => undefined);
    }
  }

  private async open(): Promise<void> {
    const cursors = [...this.cursors].map(([stream, id]) => `${stream}=${id}`);
    const source = await this.options.open(cursors.length === 0 ? undefined : cursors, this.abort.signal);
    const iterator = source[Symbol.asyncIterator]();
    // The page may have left while the source was opened.
    if (this.isOver) return void (await iterator.return?.());
    this.iterator = iterator;
    this.isReady = source.ready === undefined;
    source.ready?.().then(
      (ready) => this.handleReady(ready?.source, source.cursors ?? []),
      () => undefined, // why it reads not is what its iteration says
    );
  }

  async pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    while (!this.isOver) {
      try {
        this.format();
        if (this.text !== '') return this.flush(controller);
        const step = await this.next();
        if (step.what === 'heartbeat') this.text = ':\n\n';
        if (step.what === 'batch') {
          this.following = undefined;
          if (step.batch.done === true) break;
          this.batch = step.batch.value;
          this.entries = this.batch[Symbol.iterator]();
        }
      } catch (error) {
        this.text += message('failure', JSON.stringify(shown(error)));
        this.flush(controller);
        break;
      }
    }
    await this.end();
    // A body that was cancelled is closed already, and says so.
    if (controller.desiredSize !== null && !this.isCancelled) controller.close();
  }

  cancel(): Promise<void> {
    this.isCancelled = true;
    return this.end();
  }

  /** Where it begins, before the first entry: a page that leaves until then comes back to this very place. */
  private handleReady(source: number | undefined, cursors: readonly string[]): void {
    this.source = source;
    this.isReady = true;
    this.gaps = this.gaps.filter((event) => this.isMine(event));
    this.resets = this.resets.filter((event) => this.isMine(event));
    if (this.resets.length > 0 || this.gaps.length > 0) this.wake();
    const isNew = this.cursors.size === 0;
    for (const cursor of cursors) {
      const at = cursor.lastIndexOf('=');
      const stream = cursor.slice(0, at);
      if (this.streams.includes(stream) && !this.cursors.has(stream)) this.cursors.set(stream, cursor.slice(at + 1));
    }
    if (!isNew || this.cursors.size === 0) return;
    this.text += `${field('id', idOf(this.cursors, this.streams))}\n`;
    this.wake();
  }

  private listen(): void {
    const { client } = this.options;
    if (client === undefined) return;
    const ends = [
      client.on('gap', (event) => {
        if (!this.isMine(event)) return;
        this.gaps.push(event);
        this.wake();
      }),
      client.on('reset', (event) => {
        if (!this.isMine(event)) return;
        this.resets.push(event);
        this.wake();
      }),
    ];
    for (const end of ends) if (typeof end === 'function') this.unlisten.push(end as () => void);
  }

  /** Until the source's number is known, whose event it is can't be told: handleReady looks again. */
  private isMine(event: GapEvent | ResetEvent): boolean {
    return event.source === undefined || this.source === undefined || event.source === this.source;
  }

  /** Entries of the batch in hand, as many as make a chunk; its ack, when the one before the last call was its last. */
  private format(): void {
    if (this.isReady) {
      for (const reset of this.resets.splice(0)) this.text += message('reset', JSON.stringify(without(reset)));
      this.text += this.formatGaps((stream) => this.cursors.get(stream));
    }
    while (this.entries !== undefined && this.text.length < chunkSize) {
      const next = this.entries.next();
      if (next.done === true) {
        if (this.text !== '') return;
        this.finishBatch();
        return;
      }
      this.text += this.formatEntry(next.value);
    }
  }

  private formatEntry(entry: Entry): string {
    const { id, stream } = entry;
    const text = this.formatGaps((each) => (each === stream ? id : undefined));
    this.cursors.set(stream, id);
    const data = this.options.data === undefined ? dataOf(entry) : this.options.data(entry);
    if (data === undefined) return text;
    return text + message(this.options.event?.(entry), data, idOf(this.cursors, this.streams));
  }

  /**
   * Gaps that end at or before where each stream is. A source may tell of one before the page has got there, since it
   * reads ahead, or after, since it must ask the server first.
   */
  private formatGaps(place: (stream: string) => string | undefined): string {
    let text = '';
    this.gaps = this.gaps.filter((gap) => {
      const id = place(String(gap.stream));
      if (id === undefined || compareIds(id, gap.first) < 0) return true;
      text += message('gap', JSON.stringify(without(gap)));
      return false;
    });
    return text;
  }

  private finishBatch(): void {
    if (this.options.ack === true) this.batch?.ack?.();
    this.batch = undefined;
    this.entries = undefined;
  }

  private flush(controller: ReadableStreamDefaultController<Uint8Array>): void {
    controller.enqueue(this.encoder.encode(this.text));
    this.text = '';
  }

  private async next(): Promise<Step<Entry>> {
    this.following ??= this.iterator?.next().then((batch) => ({ what: 'batch', batch }) as const);
    if (this.following === undefined) return { what: 'gone' };
    const { heartbeatMs = heartbeatMsDefault } = this.options;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const told = new Promise<Step<Entry>>((resolve) => {
      this.wake = () => resolve({ what: this.isOver ? 'gone' : 'told' });
      if (heartbeatMs > 0) timer = setTimeout(() => resolve({ what: 'heartbeat' }), heartbeatMs);
    });
    try {
      return await Promise.race([this.following, told]);
    } finally {
      clearTimeout(timer);
      this.wake = () => undefined;
    }
  }

  private async end(): Promise<void> {
    if (this.isOver) return;
    this.isOver = true;
    for (const end of this.unlisten) end();
    this.abort.abort();
    this.following?.catch(() => undefined);
    this.wake();
    await this.iterator?.return?.();
  }
}

/** What a page is told of an error: nothing of the server's. */
function shown(error: unknown): { readonly code: string; readonly retryable: boolean } {
  const told = error as { readonly code?: unknown; readonly retryable?: unknown } | undefined;
  return { code: typeof told?.code === 'string' ? told.code : 'internal', retryable: told?.retryable === true };
}

function without<Event extends GapEvent | ResetEvent>({ source: _, ...rest }: Event): object {
  return rest;
}

function dataOf(entry: EventEntry): string {
  return JSON.stringify({ id: entry.id, stream: entry.stream, fields: Object.fromEntries(entry.fields) });
}

function compareIds(a: string, b: string): number {
  const [ams = '0', aseq = '0'] = a.split('-');
  const [bms = '0', bseq = '0'] = b.split('-');
  const difference = BigInt(ams) - BigInt(bms) || BigInt(aseq) - BigInt(bseq);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}
