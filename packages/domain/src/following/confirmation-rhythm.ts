import type { Lsn } from '../vocabulary/lsn.ts';
import type { SlotEvent } from '../vocabulary/slot-event.ts';
import type { SlotName } from '../vocabulary/slot-name.ts';
import { isLogical } from '../vocabulary/slot-state.ts';

/** How often the subscriber of a slot confirms, as far as its events show. */
export interface ConfirmationRhythm {
  readonly confirmedFlushLsn: Lsn;
  /** When that was published, in milliseconds since 1970. */
  readonly time: number;
  /** The longest pause between two confirmations; absent before there were two. */
  readonly longestMs?: number | undefined;
}

/** Bounds on how long a two_phase slot may stand under its real name before its subscriber has passed it. */
export const UNPROVEN_MIN_MS = 10_000;
export const UNPROVEN_MAX_MS = 600_000;

/** Takes in the newest event of each slot; only those with two_phase have to be waited for. */
export function noteRhythms(
  known: ReadonlyMap<SlotName, ConfirmationRhythm>,
  newest: ReadonlyMap<SlotName, SlotEvent>,
): ReadonlyMap<SlotName, ConfirmationRhythm> {
  const rhythms = new Map<SlotName, ConfirmationRhythm>();
  for (const [name, { state, time }] of newest) {
    const confirmedFlushLsn = state?.confirmedFlushLsn;
    if (!isLogical(state) || !state.twoPhase || confirmedFlushLsn === undefined) {
      continue;
    }
    const before = known.get(name);
    if (before === undefined || before.confirmedFlushLsn === confirmedFlushLsn) {
      rhythms.set(name, before ?? { confirmedFlushLsn, time });
    } else {
      const longestMs = Math.max(before.longestMs ?? 0, time - before.time);
      rhythms.set(name, { confirmedFlushLsn, time, longestMs });
    }
  }
  return rhythms;
}

/**
 * How long the subscriber of a two_phase slot may take to pass the point where the slot here starts: twice its longest pause. While that is not
 * known, as after a start, the longest that is ever allowed.
 */
export function unprovenWaitMs(rhythm: ConfirmationRhythm | undefined): number {
  return rhythm?.longestMs === undefined
    ? UNPROVEN_MAX_MS
    : Math.min(Math.max(2 * rhythm.longestMs, UNPROVEN_MIN_MS), UNPROVEN_MAX_MS);
}
