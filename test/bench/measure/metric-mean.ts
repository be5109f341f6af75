/** Sum and count of a histogram in Prometheus' text. */
export interface HistogramTotals {
  readonly sum: number;
  readonly count: number;
}

/** Adds up all series of the histogram of this name; zeros when there is none. */
export function histogramTotals(text: string, name: string): HistogramTotals {
  const total = (suffix: 'sum' | 'count'): number =>
    [...text.matchAll(new RegExp(`^${name}_${suffix}(?:\\{[^}]*\\})? (\\S+)$`, 'gm'))].reduce(
      (sum, [, value]) => sum + Number(value),
      0,
    );
  return { sum: total('sum'), count: total('count') };
}

/** The mean of what was observed between two readings; `undefined` when nothing was. */
export function meanBetween(from: HistogramTotals, to: HistogramTotals): number | undefined {
  const count = to.count - from.count;
  return count > 0 ? (to.sum - from.sum) / count : undefined;
}
