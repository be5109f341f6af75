import type { Lsn } from '@slotcast/domain';

/** How far restart_lsn of the slots is behind, in MB of 10^6 bytes; of all slots the one that is furthest behind counts. */
export interface RestartGap {
  /** Behind the same slot on the primary. */
  readonly behindPrimaryMb: number;
  /** Behind where that slot was ten seconds before: what was not followed since. */
  readonly behindEarlierMb: number;
  /** Behind the end of the primary's WAL: what the slots keep on the disk. */
  readonly behindEndMb: number;
}

export type RestartPositions = ReadonlyMap<string, Lsn>;

/** Slots that are not there are left out; without any the gap is 0. */
export function restartGap(at: {
  readonly there: RestartPositions;
  readonly earlier: RestartPositions;
  readonly here: RestartPositions;
  readonly end: Lsn;
}): RestartGap {
  let behindPrimary = 0n;
  let behindEarlier = 0n;
  let behindEnd = 0n;
  for (const [slot, there] of at.there) {
    const here = at.here.get(slot);
    if (here !== undefined) {
      behindPrimary = largest(behindPrimary, there - here);
      behindEarlier = largest(behindEarlier, (at.earlier.get(slot) ?? here) - here);
      behindEnd = largest(behindEnd, at.end - here);
    }
  }
  return {
    behindPrimaryMb: Number(behindPrimary) / 1e6,
    behindEarlierMb: Number(behindEarlier) / 1e6,
    behindEndMb: Number(behindEnd) / 1e6,
  };
}

/** The most that restart_lsn of a slot has moved between two looks, in MB of 10^6 bytes. */
export function largestJumpMb(before: RestartPositions, after: RestartPositions): number {
  const jumps = [...after].map(([slot, lsn]) => lsn - (before.get(slot) ?? lsn));
  return Number(jumps.reduce(largest, 0n)) / 1e6;
}

function largest(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
