import { reasonText } from '../reasons/reason.ts';
import type { Timeline } from '../vocabulary/identity.ts';
import { formatLsn, type Lsn } from '../vocabulary/lsn.ts';
import type { Reason } from '../vocabulary/reason.ts';
import { isSafePromotion, type SlotPromotionVerdict } from './promotion-verdict.ts';

/** What is known of a standby after the last drain before a promotion. */
export interface PreparedPromotion {
  readonly node: string;
  readonly timeline: Timeline;
  readonly replayLsn: Lsn;
  /** All WAL that the server really has. */
  readonly endOfWal: Lsn;
  /** Milliseconds since the publisher was last heard of; infinite when it never was. */
  readonly publisherSilentMs: number;
  /** False when the time was over before all that the topic has was read: then it cannot be told what a promotion would mean. */
  readonly drained: boolean;
  /** Why it cannot be told what a promotion would mean, beyond the slots that are at risk for sure; `undefined` when it can. */
  readonly unknown: Reason | undefined;
  /** Why SLOTCAST_SLOTS alone makes a promotion unsafe. */
  readonly filter: Reason | undefined;
  /** Why nothing can be concluded from the topic, and what to do; then no slot is judged. */
  readonly alarm: Reason | undefined;
  readonly slots: readonly SlotPromotionVerdict[];
}

/** True when a promotion now loses no slot and leaves no subscriber behind, by all that the topic has. */
export function isPrepared(prepared: PreparedPromotion): boolean {
  const { alarm, filter, unknown, drained, slots } = prepared;
  const isKnown = alarm === undefined && unknown === undefined && drained;
  return isKnown && filter === undefined && isSafePromotion(slots);
}

/** The shape of `slotcast prepare-promotion --output json`: positions as text, times in milliseconds, absent values null. */
export function preparedPromotionJson(prepared: PreparedPromotion) {
  const { publisherSilentMs } = prepared;
  return {
    safe: isPrepared(prepared),
    node: prepared.node,
    timeline: prepared.timeline,
    replay_lsn: formatLsn(prepared.replayLsn),
    end_of_wal: formatLsn(prepared.endOfWal),
    publisher_silent_ms: Number.isFinite(publisherSilentMs) ? Math.round(publisherSilentMs) : null,
    drained: prepared.drained,
    cannot_tell: textOrNull(prepared.unknown),
    filter: textOrNull(prepared.filter),
    alarm: textOrNull(prepared.alarm),
    slots: prepared.slots.map((slot) => ({
      slot: slot.slot,
      risk: slot.risk,
      state: slot.state,
      reason: reasonText(slot.reasons),
      reasons: slot.reasons.map(({ code, facts }) => ({ code, facts })),
      confirmed_flush_lsn: slot.confirmedFlushLsn === undefined ? null : formatLsn(slot.confirmedFlushLsn),
      published_lsn: slot.publishedLsn === undefined ? null : formatLsn(slot.publishedLsn),
      ahead_bytes: Number(slot.aheadBytes),
    })),
  };
}

function textOrNull(why: Reason | undefined): string | null {
  return why === undefined ? null : reasonText([why]);
}

export type PreparedPromotionJson = ReturnType<typeof preparedPromotionJson>;
