import type { Timeline } from './identity.ts';
import type { Lsn } from './lsn.ts';
import type { Reason } from './reason.ts';
import type { SlotName } from './slot-name.ts';

export const aheadOutcomes = ['fenced', 'quarantined', 'unsafe', 'unknown'] as const;
/**
 * What was done about a subscriber that is ahead of the new primary. `fenced`: no change of the new timeline is skipped.
 * `quarantined`: the slot was renamed, so that its subscriber fails. `unsafe`: neither could be done. `unknown`: it may be ahead, as it may have
 * gone on after it was heard of last, and a commit came before the fence, or another primary was at work, or nobody saw recovery end.
 */
export type AheadOutcome = (typeof aheadOutcomes)[number];

/** A slot whose subscriber had confirmed WAL that the promoted server never had. */
export interface SlotAhead {
  readonly slot: SlotName;
  /** What the subscriber had confirmed on the server before, as far as that is known. */
  readonly confirmedFlushLsn: Lsn;
  readonly outcome: AheadOutcome;
  /**
   * The subscriber may hold transactions prepared that this server never had, and nobody will end them: those that are known of, which may be none. Absent where it takes none.
   */
  readonly prepared?: readonly string[] | undefined;
}

/** A slot of the primary before that the promoted server could not take over. */
export interface SlotLost {
  readonly slot: SlotName;
  readonly reasons: readonly Reason[];
}

/** From when on nothing was heard of the server before, although its subscribers may have gone on. */
export interface Unheard {
  /** Milliseconds since 1970. */
  readonly since: number;
  /** The furthest position of its WAL that was told of until then. */
  readonly lsn: Lsn;
}

/** What became of the slots of a standby when it was promoted; a part of the record `<node>` of the nodes topic. */
export interface Promotion {
  /** The timeline that the promotion began. */
  readonly timeline: Timeline;
  /** Where the timeline before it was left. */
  readonly switchLsn: Lsn;
  /** Every commit of this timeline lies at or beyond this position. Absent when that is not so, or not known. */
  readonly fencedLsn?: Lsn | undefined;
  /** Absent when it was heard of until shortly before. */
  readonly unheard?: Unheard | undefined;
  readonly ahead: readonly SlotAhead[];
  readonly lost: readonly SlotLost[];
  /** Milliseconds since 1970. */
  readonly time: number;
}
