// A tail: every entry of its streams, without a group. Its cursors are the reader's place, to be kept and begun from.
import type { Document } from './document.js';
import type { ClientEvents, Cursor } from './events.js';
import { idOf, streamOf } from './entry.js';
import { settle } from './host/commands.js';
import type { Lot } from './batch.js';
import { Source } from './source.js';
import type { SourceOwner } from './source.js';

/**
 * Reads every entry of its streams, whoever else does. Nothing is acked: what was handed over is done with. Batches are
 * iterated as a consumer's.
 */
export class Tail extends Source {
  readonly #cursors = new Map<string, string>();

  /** @internal */
  constructor(owner: SourceOwner, document: Document) {
    super(owner, document);
  }

  /** How far each stream was handed over, as the option `cursors` takes it: kept, a later tail goes on there with
   * nothing lost. Before the first batch: where it began. */
  get cursors(): string[] {
    return [...this.#cursors].map(([stream, id]) => `${stream}=${id}`);
  }

  /** @internal */
  override onReady(event: ClientEvents['ready']): void {
    for (const { stream, id } of event.cursors as readonly Cursor[]) {
      if (!this.#cursors.has(stream)) this.#cursors.set(stream, id);
    }
    super.onReady(event);
  }

  /** @internal */
  protected override received(lot: Lot): void {
    // The core keeps a batch until it is settled, also where there is nothing to ack.
    queueMicrotask(() => {
      try {
        settle(this.owner.loop, lot.id, undefined, { kind: 'ack' });
      } catch {
        // The client was closed in between.
      }
    });
  }

  /** @internal */
  protected override handed(lot: Lot): void {
    // Of one stream the last entry says it all.
    for (let index = lot.streams.length === 1 ? lot.count - 1 : 0; index < lot.count; ++index) {
      this.#cursors.set(lot.streams[streamOf(lot.words, index)] ?? '', idOf(lot.words, index));
    }
  }
}
