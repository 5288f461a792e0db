/**
 * How long to wait before the next attempt: exponential with full jitter, so that 50,000 phones that lost the same
 * antenna do not come back in the same second.
 */

/** First ceiling, milliseconds. */
export const BACKOFF_BASE_MS = 500;
/** Highest ceiling, milliseconds. */
export const BACKOFF_MAX_MS = 30_000;
/** Never sooner than this, milliseconds: an immediate retry would spin where the server refuses at once. */
export const BACKOFF_MIN_MS = 100;

/**
 * @param attempt attempts that failed in a row, 0 for the first
 * @param random from 0 up to 1
 * @returns milliseconds
 */
export function backoff_ms(attempt: number, random: number): number {
  const ceiling = Math.min(BACKOFF_MAX_MS, BACKOFF_BASE_MS * 2 ** Math.min(attempt, 16));
  return BACKOFF_MIN_MS + Math.floor(random * (ceiling - BACKOFF_MIN_MS));
}
