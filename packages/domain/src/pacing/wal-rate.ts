import type { Lsn } from '../vocabulary/lsn.ts';

/** How fast WAL comes, over the last half minute. */
export interface WalRate {
  readonly samples: readonly { readonly at: number; readonly lsn: Lsn }[];
}

export const noWalRate: WalRate = { samples: [] };

const SAMPLE_MS = 1000;
const WINDOW_MS = 30_000;

/** `now` is a monotonic clock in milliseconds, `lsn` the end of the WAL that was replayed then. */
export function noteWal(rate: WalRate, seen: { readonly now: number; readonly lsn: Lsn }): WalRate {
  const last = rate.samples.at(-1);
  if (last !== undefined && seen.lsn < last.lsn) {
    return { samples: [{ at: seen.now, lsn: seen.lsn }] };
  }
  return last !== undefined && seen.now - last.at < SAMPLE_MS
    ? rate
    : {
        samples: [...rate.samples, { at: seen.now, lsn: seen.lsn }].filter(
          ({ at }) => seen.now - at <= WINDOW_MS,
        ),
      };
}

/** Bytes a second; 0 as long as nothing is known. */
export function walPerSecond({ samples }: WalRate): number {
  const [first, last] = [samples.at(0), samples.at(-1)];
  return first === undefined || last === undefined || last.at === first.at
    ? 0
    : (Number(last.lsn - first.lsn) * 1000) / (last.at - first.at);
}
