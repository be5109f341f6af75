import type { Timeline } from './identity.ts';
import type { Lsn } from './lsn.ts';
import type { Reason } from './reason.ts';
import type { SlotName } from './slot-name.ts';

export const aheadOutcomes = ['fenced', 'quarantined', 'unsafe'] as const;
/**
 * What was done about a subscriber that is ahead of the new primary. `fenced`: no change of the new timeline is skipped.
 * `quarantined`: the slot was renamed, so that its subscriber fails. `unsafe`: neither could be done.
 */
export type AheadOutcome = (typeof aheadOutcomes)[number];

/** A slot whose subscriber had confirmed WAL that the promoted server never had. */
export interface SlotAhead {
  readonly slot: SlotName;
  /** What the subscriber had confirmed on the server before. */
  readonly confirmedFlushLsn: Lsn;
  readonly outcome: AheadOutcome;
}

/** A slot of the primary before that the promoted server could not take over. */
export interface SlotLost {
  readonly slot: SlotName;
  readonly reasons: readonly Reason[];
}

/** What became of the slots of a standby when it was promoted; a part of the record `<node>` of the nodes topic. */
export interface Promotion {
  /** The timeline that the promotion began. */
  readonly timeline: Timeline;
  /** Where the timeline before it was left. */
  readonly switchLsn: Lsn;
  /** Every commit of this timeline lies at or beyond this position. Absent when that is not so, or not known. */
  readonly fencedLsn?: Lsn | undefined;
  readonly ahead: readonly SlotAhead[];
  readonly lost: readonly SlotLost[];
  /** Milliseconds since 1970. */
  readonly time: number;
}
