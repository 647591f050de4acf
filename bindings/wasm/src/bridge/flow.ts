// When a side may be read: not while any reason against it holds. And the rate that commands and bytes may have, as a
// debt that is worked off: nothing is refused for being fast, it only waits.

/** Stops reading at the first reason and goes on after the last. */
export class Gate {
  private readonly reasons = new Set<string>();

  constructor(
    private readonly stop: () => void,
    private readonly go: () => void,
    private readonly told: (why: string) => void,
  ) {}

  close(why: string): void {
    if (this.reasons.has(why)) return;
    this.reasons.add(why);
    this.told(why);
    if (this.reasons.size === 1) this.stop();
  }

  open(why: string): void {
    if (this.reasons.delete(why) && this.reasons.size === 0) this.go();
  }

  get isClosed(): boolean {
    return this.reasons.size > 0;
  }
}

/** Lets a second's worth through at once. */
export class Rate {
  private credit: number;
  private at: number;

  /** `perSecond` 0: no limit. */
  constructor(
    private readonly perSecond: number,
    now: number,
  ) {
    this.credit = perSecond;
    this.at = now;
  }

  /** Takes `count` at `now` (ms), and says for how many ms nothing more may come. */
  take(count: number, now: number): number {
    if (this.perSecond === 0) return 0;
    this.credit = Math.min(this.perSecond, this.credit + ((now - this.at) / 1000) * this.perSecond) - count;
    this.at = now;
    return this.credit >= 0 ? 0 : Math.ceil((-this.credit / this.perSecond) * 1000);
  }
}
