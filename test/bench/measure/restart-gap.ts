import type { Lsn } from '@slotcast/domain';

/** How far restart_lsn of the slots is behind, in MB of 10^6 bytes; of all slots the one that is furthest behind counts. */
export interface RestartGap {
  /** Behind the same slot on the primary. */
  readonly behindPrimaryMb: number;
  /** Behind the end of the primary's WAL: what the slots keep on the disk. */
  readonly behindEndMb: number;
}

export type RestartPositions = ReadonlyMap<string, Lsn>;

/** Slots that are not there are left out; without any the gap is 0. */
export function restartGap(at: {
  readonly there: RestartPositions;
  readonly here: RestartPositions;
  readonly end: Lsn;
}): RestartGap {
  let behindPrimary = 0n;
  let behindEnd = 0n;
  for (const [slot, there] of at.there) {
    const here = at.here.get(slot);
    if (here !== undefined) {
      behindPrimary = largest(behindPrimary, there - here);
      behindEnd = largest(behindEnd, at.end - here);
    }
  }
  return { behindPrimaryMb: Number(behindPrimary) / 1e6, behindEndMb: Number(behindEnd) / 1e6 };
}

function largest(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
