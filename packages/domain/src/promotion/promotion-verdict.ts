import type { SlotVerdict } from '../following/slot-verdict.ts';
import { reason } from '../reasons/reason.ts';
import { isCanary } from '../vocabulary/canary-slot.ts';
import type { Lsn } from '../vocabulary/lsn.ts';
import type { ReadinessState } from '../vocabulary/node-status.ts';
import type { Reason } from '../vocabulary/reason.ts';
import { plausiblyConfirmed, type SlotEvent } from '../vocabulary/slot-event.ts';
import { isOwnWorkingSlot, type SlotName } from '../vocabulary/slot-name.ts';
import { isInvalidated, type LocalSlot, type SlotState, type SlotType } from '../vocabulary/slot-state.ts';
import { leftAt, type TimelineHistory } from '../vocabulary/timeline-history.ts';
import { couldTakeOver } from './copy-risk.ts';

export const promotionRisks = ['none', 'not_ready', 'diverged'] as const;
/**
 * What a promotion now would mean for a slot. `not_ready`: it could not take over. `diverged`: its subscriber has confirmed WAL that
 * this server does not have.
 */
export type PromotionRisk = (typeof promotionRisks)[number];

/** What a promotion of this standby would mean for one slot. */
export interface SlotPromotionVerdict {
  readonly slot: SlotName;
  readonly type: SlotType;
  readonly risk: PromotionRisk;
  readonly state: ReadinessState;
  /** Why not, or what else there is to know; none when there is nothing to say. */
  readonly reasons: readonly Reason[];
  /** Where the slot stands here. */
  readonly confirmedFlushLsn: Lsn | undefined;
  /** What its subscriber had confirmed on the primary, by the newest event. */
  readonly publishedLsn: Lsn | undefined;
  /** WAL that the subscriber has confirmed and this server does not have. */
  readonly aheadBytes: bigint;
}

/** Nothing is lost here that is not lost on the primary already, or was never wanted here. */
const noMatter: readonly ReadinessState[] = ['absent', 'invalidated'];

/**
 * Judges what a promotion of this standby would lose. `endOfWal`: all WAL that the server really has, received or replayed; it will be
 * replayed before recovery ends. That a slot lags costs repeated changes only. The canary has no subscriber that could miss anything, and would always be a little ahead: it is
 * left out.
 */
export function judgePromotion(input: {
  readonly verdicts: readonly SlotVerdict[];
  readonly local: readonly LocalSlot[];
  /** Newest event of each slot, whether replay has reached it or not. */
  readonly published: ReadonlyMap<SlotName, SlotEvent>;
  /** The newest event of each slot whose newest event lies on another branch than `history`. */
  readonly elsewhere: ReadonlyMap<SlotName, SlotEvent>;
  /** Of the newest manifest, wherever it lies. */
  readonly newestHistory?: TimelineHistory | undefined;
  readonly history: TimelineHistory;
  readonly wanted: (slot: SlotState) => boolean;
  readonly endOfWal: Lsn;
  /** More WAL may be replayed before the promotion is done. */
  readonly mayReplayMore: boolean;
}): SlotPromotionVerdict[] {
  const local = new Map(input.local.filter((slot) => !slot.temporary).map((slot) => [slot.name, slot]));
  return [...input.verdicts, ...notReached(input)]
    .filter(({ slot, state }) => !noMatter.includes(state) && !isOfCanary(input.published.get(slot)))
    .map((entry): SlotPromotionVerdict => {
      const { slot, state } = entry;
      const here = local.get(slot);
      const event = input.published.get(slot);
      const publishedLsn = event === undefined ? undefined : plausiblyConfirmed(event);
      const aheadBytes = maxBytes(bytesBeyond(publishedLsn, input.endOfWal), strayedBytes(input, slot));
      const copy = { state, isSound: isSound(here), unpinned: entry.unpinned === true };
      if (entry.physical === true) {
        // Its reader fails loudly where WAL is missing, so nothing is lost in silence: what there is to know is told, and is no risk.
        const told = {
          slot,
          type: 'physical',
          state,
          reasons: entry.reasons,
          confirmedFlushLsn: undefined,
        } as const;
        return { ...told, risk: 'none', publishedLsn: undefined, aheadBytes: 0n };
      }
      const survives =
        entry.atRisk !== true && couldTakeOver({ ...copy, mayReplayMore: input.mayReplayMore });
      const risk = !survives ? 'not_ready' : aheadBytes > 0n ? 'diverged' : 'none';
      const why = risk === 'diverged' ? [reason('ahead_of_wal', { bytes: aheadBytes })] : entry.reasons;
      return {
        slot,
        type: 'logical',
        risk,
        state,
        reasons: risk === 'not_ready' && why.length === 0 ? [reason('no_usable_slot')] : why,
        confirmedFlushLsn: here?.confirmedFlushLsn,
        publishedLsn,
        aheadBytes,
      };
    });
}

/** What a subscriber has confirmed on a branch that this server does not come from, beyond the point where it was left. */
function strayedBytes(
  { elsewhere, newestHistory, history }: Parameters<typeof judgePromotion>[0],
  slot: SlotName,
): bigint {
  const event = elsewhere.get(slot);
  return event === undefined
    ? 0n
    : bytesBeyond(plausiblyConfirmed(event), leftAt(history, event.timeline, newestHistory));
}

function bytesBeyond(confirmed: Lsn | undefined, end: Lsn): bigint {
  return confirmed !== undefined && confirmed > end ? confirmed - end : 0n;
}

function maxBytes(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}

/** True when no slot would be lost and no subscriber is ahead. */
export function isSafePromotion(slots: readonly SlotPromotionVerdict[]): boolean {
  return slots.every(({ risk }) => risk === 'none');
}

function isOfCanary(event: SlotEvent | undefined): boolean {
  return event?.state !== undefined && isCanary(event.state);
}

/** Slots that no verdict is about, because all their events lie beyond what this server has replayed. */
function notReached(input: Parameters<typeof judgePromotion>[0]): SlotVerdict[] {
  const judged = new Set(input.verdicts.map(({ slot }) => slot));
  return [...input.published.values()]
    .filter(({ slot, state }) => {
      const isCarried = state?.type === 'logical' && !isOwnWorkingSlot(slot) && input.wanted(state);
      return isCarried && !judged.has(slot);
    })
    .map(({ slot, lsn }) => ({
      slot,
      state: 'catching_up',
      reasons: [reason('made_beyond_replay', { position: lsn })],
    }));
}

function isSound(here: LocalSlot | undefined): boolean {
  return here?.type === 'logical' && here.confirmedFlushLsn !== undefined && !isInvalidated(here);
}
