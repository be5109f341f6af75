export interface BackoffOptions {
  /** The first pause, before jitter. */
  readonly initialMs: number;
  /** No pause is longer. */
  readonly maxMs: number;
  /** Growth per failure; 2 when absent. */
  readonly factor?: number;
}

/**
 * The pause in milliseconds after the n-th failure in a row (from 1): it grows exponentially up to `maxMs`, and a random part
 * of up to one half is taken off, so that many processes do not come back together. `random` returns 0 ≤ x < 1.
 */
export function backoffMs(failuresInRow: number, options: BackoffOptions, random: () => number): number {
  const grown = options.initialMs * (options.factor ?? 2) ** (Math.max(failuresInRow, 1) - 1);
  return Math.round(Math.min(grown, options.maxMs) * (1 - random() / 2));
}
