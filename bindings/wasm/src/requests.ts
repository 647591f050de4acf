// Requests that an event answers: dead letters, redriving, changes of groups.
import type { DeadLetter, GroupStart, RedriveResult } from './client.js';
import { checkNames, errorOf, lastError, MillraceError } from './errors.js';
import type { ErrorInfo } from './errors.js';
import type { Loop } from './host/loop.js';
import type { MillraceModule } from './module.js';

interface Answer {
  readonly type: string;
  readonly ticket?: number;
  readonly error?: ErrorInfo;
  readonly letters?: DeadLetter[];
  readonly results?: RedriveResult[];
  readonly changed?: boolean;
}

const answers: ReadonlySet<string> = new Set(['deadListed', 'redriven', 'groupChanged']);

/** @internal */
export class Requests {
  readonly #loop: Loop;
  readonly #waiting = new Map<number, { resolve(answer: Answer): void; reject(error: unknown): void }>();

  constructor(loop: Loop) {
    this.#loop = loop;
  }

  async dead(stream: string, after: string, count: number): Promise<DeadLetter[]> {
    const answer = await this.#ask((module, handle, now) => module.dead(handle, stream, after, count, now));
    return answer.letters ?? [];
  }

  async redrive(stream: string, deadIds: readonly string[]): Promise<RedriveResult[]> {
    if (deadIds.length === 0) return [];
    const ids = deadIds.join(' ');
    const answer = await this.#ask((module, handle, now) => module.redrive(handle, stream, ids, now));
    return answer.results ?? [];
  }

  async changeGroup(what: string, stream: string, group: string, start: GroupStart): Promise<boolean> {
    checkNames(`${what}Group`, start, 'at since');
    const since = start.since === undefined ? -1 : start.since instanceof Date ? start.since.getTime() * 1000 : NaN;
    // It would pass for none, which is the beginning.
    if (Number.isNaN(since)) throw new MillraceError('bad_argument', 'since is no valid Date');
    const answer = await this.#ask((module, handle, now) =>
      module.changeGroup(handle, what, stream, group, start.at ?? '', since, now),
    );
    return answer.changed ?? false;
  }

  #ask(use: (module: MillraceModule, handle: number, now: number) => number): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const ticket = this.#loop.call((module, handle, now) => {
        const given = use(module, handle, now);
        if (given < 0) throw lastError(module);
        return given;
      });
      this.#waiting.set(ticket, { resolve, reject });
      this.#loop.turnSoon();
    });
  }

  /** Whether the event was an answer. */
  answer(event: Answer): boolean {
    if (!answers.has(event.type)) return false;
    const waiting = this.#waiting.get(event.ticket ?? -1);
    this.#waiting.delete(event.ticket ?? -1);
    if (event.error) waiting?.reject(errorOf(event.error));
    else waiting?.resolve(event);
    return true;
  }

  end(error: MillraceError): void {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}
