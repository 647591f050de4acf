// What a client still has to be answered, in order: by the upstream, or by the bridge itself between two replies of the
// upstream. Knows no socket: it is told of commands and of the upstream's bytes, and writes what the client gets.
import { ReplyReader } from './replies.js';

/** A run of commands that the upstream answers; one that the bridge answers; one whose answer the bridge replaces. */
type Owed = { upstream: number } | { readonly own: string } | { readonly instead: string };

export class RepliesOwed {
  private readonly queue: Owed[] = [];
  private readonly reader = new ReplyReader();
  private count = 0;

  constructor(private readonly write: (bytes: Uint8Array) => void) {}

  /** Commands without an answer yet. */
  get size(): number {
    return this.count;
  }

  /** A command has gone to the upstream. */
  expect(): void {
    ++this.count;
    const last = this.queue.at(-1);
    if (last !== undefined && 'upstream' in last) ++last.upstream;
    else this.queue.push({ upstream: 1 });
  }

  /** A command has gone there whose answer is not for the client, who gets `text`. */
  replace(text: string): void {
    ++this.count;
    this.queue.push({ instead: text });
  }

  /** A command has not gone there; the client gets `text`, once it is its turn. */
  answer(text: string): void {
    ++this.count;
    this.queue.push({ own: text });
    if (this.reader.isBetween) this.flushOwn();
  }

  /** SUBSCRIBE and its like are answered by pushes alone, any number of them. */
  subscribe(): void {
    this.reader.subscribed = true;
  }

  /** Bytes of the upstream. Throws BadReply. */
  handle(bytes: Uint8Array): void {
    let from = 0;
    this.reader.feed(bytes, (offset, kind) => {
      const first = this.queue[0];
      if (first === undefined) return;
      if (kind === 'answer' && 'instead' in first) {
        this.take();
        this.write(Buffer.from(first.instead, 'latin1'));
        from = offset;
        return this.flushOwn();
      }
      if (kind === 'answer' && 'upstream' in first) {
        --this.count;
        if (--first.upstream === 0) this.queue.shift();
      }
      const next = this.queue[0];
      if (next === undefined || 'upstream' in next) return;
      this.writeIfAny(bytes.subarray(from, offset));
      from = offset;
      this.flushOwn();
    });
    // What comes in place of an answer that is replaced is dropped, also in parts. No push is among it: there are none
    // without a subscription, and no transaction beside one.
    const next = this.queue[0];
    if (next === undefined || !('instead' in next)) this.writeIfAny(bytes.subarray(from));
  }

  private take(): void {
    this.queue.shift();
    --this.count;
  }

  private flushOwn(): void {
    for (let first = this.queue[0]; first !== undefined && 'own' in first; first = this.queue[0]) {
      this.take();
      this.write(Buffer.from(first.own, 'latin1'));
    }
  }

  private writeIfAny(bytes: Uint8Array): void {
    if (bytes.length > 0) this.write(bytes);
  }
}
