// Waiting for as long as callers say.

/** How long to wait for something. */
export interface WaitOptions {
  /** Rejects the wait with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds; none: for ever. */
  readonly timeoutMs?: number | undefined;
}

/** A timer can have no more, and fires at once where it is told more: 24 days, as good as for ever. */
const timerMsMax = 2 ** 31 - 1;

/** As many milliseconds as a timer can have. */
export function timerMs(ms: number): number {
  return Math.min(ms, timerMsMax);
}

/** Settles after that time, or when the signal is aborted. */
export function passed(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal?.addEventListener('abort', end);
  });
}
