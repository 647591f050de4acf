// A consumer of a group, as the application sees it. How a run goes is in run.ts.
import type { SourceOwner } from './source.js';
import { Source } from './source.js';
import type { Batch } from './batch.js';
import { optionIn } from './document.js';
import type { Document } from './document.js';
import { MillraceError } from './errors.js';
import { checkOptions, runHandler } from './run.js';
import type { RunContext, RunOptions, RunResult } from './run.js';

/**
 * Reads a group's entries. Iterate it (`for await (const batch of consumer)`), take batches with `next`, or give `run`
 * a handler. Entries are delivered again until they are acked.
 */
export class Consumer extends Source {
  readonly #document: Document;
  readonly #isGiven: (option: string) => boolean;
  #isRunning = false;

  /** @internal */
  constructor(owner: SourceOwner, document: Document, isGiven: (option: string) => boolean) {
    super(owner, document);
    this.#document = document;
    this.#isGiven = (option) => optionIn(document, option) !== undefined || isGiven(option);
  }

  /** Our name in the group; empty before `ready`. */
  get name(): string {
    return this.readyEvent?.consumer ?? '';
  }

  /**
   * Calls `handler` with each batch, and acks what it has not settled when it returns; when it throws or rejects, that
   * is delivered again (nack), and the event `log` tells why. Ends, and closes the consumer, when `signal` is aborted,
   * the budget is spent, there is nothing left (`until: 'empty'`), or the client drains; resolves once handlers have
   * ended and acks are answered. Rejects with a MillraceError when the consumer ended because of it, and with
   * `bad_argument` while it runs already.
   *
   * With `budgetMs` the run takes its name under a lease (`consumerLease`), and takes over what others left after
   * `budgetMs` + 5 s (`claimMinIdle`), so that a killed run's rest comes in the first run after that; with `until:
   * 'empty'` batches are not held back for more (`flushInterval` 0). All three only where the options don't say
   * otherwise.
   */
  async run(handler: (batch: Batch, context: RunContext) => unknown, options: RunOptions = {}): Promise<RunResult> {
    checkOptions(handler, options);
    if (this.#isRunning) throw new MillraceError('bad_argument', 'run: it runs already');
    const more = this.#forRun(options);
    // What has ended ends the run, and does not begin anew.
    if (this.isOpen && Object.keys(more).length > 0) this.reopen({ ...this.#document, ...more });
    this.#isRunning = true;
    return runHandler(this, this.owner, handler, options).finally(() => (this.#isRunning = false));
  }

  #forRun(options: RunOptions): Document {
    const more: Record<string, unknown> = {};
    if (options.budgetMs !== undefined) {
      more['consumerLease'] = true;
      more['claimMinIdle'] = Math.ceil(options.budgetMs) + 5000;
    }
    if (options.until === 'empty') more['flushInterval'] = 0;
    return Object.fromEntries(Object.entries(more).filter(([option]) => !this.#isGiven(option)));
  }
}
