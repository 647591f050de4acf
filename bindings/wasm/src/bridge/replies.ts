// Finds where the replies of the upstream end, in RESP2 and RESP3, without keeping them: between two of them an answer
// of the bridge's own may be put. Garbage is an error, because behind it nothing can be told apart any more.

/** What has ended: an answer to a command, or something that comes unasked (a push, a message to a subscriber). */
export type ReplyKind = 'answer' | 'push';

export class BadReply extends Error {}

const lineMax = 64 * 1024;
const depthMax = 32;
const wordMax = 16;
const pushWords = new Set(['message', 'pmessage', 'subscribe', 'unsubscribe', 'psubscribe', 'punsubscribe']);

// Signs, by what follows them.
const lines = new Set('+-:_,#('.split('').map(code));
const bulks = new Set('$=!'.split('').map(code));
const aggregates = new Map([...'*~>%|'].map((sign) => [code(sign), sign === '%' || sign === '|' ? 2 : 1]));
const pushSign = code('>');
const attributeSign = code('|');
const arraySign = code('*');

function code(sign: string): number {
  return sign.charCodeAt(0);
}

type Part = 'sign' | 'line' | 'bulk';

export class ReplyReader {
  /** Set once a client has subscribed: then arrays that begin with one of pushWords come unasked, too. */
  subscribed = false;

  private part: Part = 'sign';
  private sign = 0;
  /** The number of a line that has one; of others nothing is kept. */
  private digits = '';
  private lineBytes = 0;
  private bulkLeft = 0;
  /** Elements that are missing, of each aggregate that is open. */
  private readonly open: number[] = [];
  private isPush = false;
  private isAttribute = false;
  /** Whether what comes next is the first element of an outermost array. */
  private isFirst = false;
  /** Of the first element of an array, as long as it may be one of pushWords. */
  private word: string | undefined;

  /** Whether the last byte was the end of a reply. */
  get isBetween(): boolean {
    return this.part === 'sign' && this.open.length === 0;
  }

  /** Tells of every reply that ends in these bytes, with the offset behind it. Throws BadReply. */
  feed(bytes: Uint8Array, ended: (offset: number, kind: ReplyKind) => void): void {
    let at = 0;
    while (at < bytes.length) {
      if (this.part === 'bulk') {
        at = this.skipBulk(bytes, at, ended);
      } else if (this.part === 'sign') {
        this.begin(bytes[at] ?? 0);
        ++at;
      } else {
        at = this.readLine(bytes, at, ended);
      }
    }
  }

  private begin(sign: number): void {
    if (!lines.has(sign) && !bulks.has(sign) && !aggregates.has(sign)) {
      throw new BadReply(`no RESP reply begins with byte 0x${sign.toString(16).padStart(2, '0')}`);
    }
    if (this.open.length === 0 && !this.isAttribute) this.isPush = sign === pushSign;
    this.sign = sign;
    this.digits = '';
    this.lineBytes = 0;
    this.part = 'line';
  }

  private readLine(bytes: Uint8Array, from: number, ended: (offset: number, kind: ReplyKind) => void): number {
    const found = bytes.indexOf(0x0a, from);
    const end = found < 0 ? bytes.length : found + 1;
    this.lineBytes += end - from;
    if (this.lineBytes > lineMax) throw new BadReply(`a line of more than ${lineMax} bytes`);
    const hasNumber = !lines.has(this.sign);
    if (hasNumber) {
      if (this.lineBytes > 24) throw new BadReply('a size of more than 22 digits');
      for (let i = from; i < end; ++i) this.digits += String.fromCharCode(bytes[i] ?? 0);
    }
    if (found < 0) return end;
    if (!hasNumber) {
      this.endValue(end, ended);
      return end;
    }
    if (!/^-?[0-9]+\r\n$/.test(this.digits)) throw new BadReply('a size that is no number');
    const size = Number.parseInt(this.digits, 10);
    if (size < 0) {
      this.endValue(end, ended);
    } else if (bulks.has(this.sign)) {
      this.bulkLeft = size + 2;
      this.part = 'bulk';
      this.word = this.mayBePushWord(size) ? '' : undefined;
    } else {
      this.openAggregate(size, end, ended);
    }
    return end;
  }

  private mayBePushWord(size: number): boolean {
    return this.subscribed && this.open.length === 1 && this.isFirst && size <= wordMax;
  }

  private openAggregate(size: number, offset: number, ended: (offset: number, kind: ReplyKind) => void): void {
    const count = size * (aggregates.get(this.sign) ?? 1);
    // What an attribute is about follows it, as if it were the next element.
    const isAttribute = this.sign === attributeSign;
    if (isAttribute && this.open.length === 0) this.isAttribute = true;
    if (count === 0) {
      if (!isAttribute) return this.endValue(offset, ended);
      this.part = 'sign';
      if (this.open.length === 0) this.isAttribute = false;
      return;
    }
    if (this.open.length === depthMax) throw new BadReply(`a reply deeper than ${depthMax}`);
    this.isFirst = this.open.length === 0 && this.sign === arraySign;
    const above = this.open.length - 1;
    if (isAttribute && above >= 0) this.open[above] = (this.open[above] ?? 0) + 1;
    this.open.push(count);
    this.part = 'sign';
  }

  private skipBulk(bytes: Uint8Array, from: number, ended: (offset: number, kind: ReplyKind) => void): number {
    const end = Math.min(bytes.length, from + this.bulkLeft);
    if (this.word !== undefined) {
      for (let i = from; i < end; ++i) this.word += String.fromCharCode(bytes[i] ?? 0);
    }
    this.bulkLeft -= end - from;
    if (this.bulkLeft === 0) {
      if (this.word !== undefined && pushWords.has(this.word.slice(0, -2))) this.isPush = true;
      this.word = undefined;
      this.endValue(end, ended);
    }
    return end;
  }

  private endValue(offset: number, ended: (offset: number, kind: ReplyKind) => void): void {
    this.part = 'sign';
    this.isFirst = false;
    for (;;) {
      const depth = this.open.length;
      if (depth === 0) break;
      const left = (this.open[depth - 1] ?? 0) - 1;
      this.open[depth - 1] = left;
      if (left > 0) return;
      this.open.pop();
      if (this.open.length === 0 && this.isAttribute) {
        this.isAttribute = false;
        return;
      }
    }
    ended(offset, this.isPush ? 'push' : 'answer');
  }
}
