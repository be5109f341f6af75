/** What is told of a number of samples, all in the samples' own unit. */
export interface Distribution {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** Summarizes samples by the nearest-rank method. Throws when there are none. */
export function summarize(samples: readonly number[]): Distribution {
  const sorted = samples.toSorted((a, b) => a - b);
  return { count: sorted.length, p50: rank(sorted, 0.5), p99: rank(sorted, 0.99), max: rank(sorted, 1) };
}

function rank(sorted: readonly number[], share: number): number {
  const value = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
  if (value === undefined) {
    throw new Error('there is nothing to summarize: no sample was taken');
  }
  return value;
}
