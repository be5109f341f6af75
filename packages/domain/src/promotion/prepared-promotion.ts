import type { Timeline } from '../vocabulary/identity.ts';
import type { Lsn } from '../vocabulary/lsn.ts';
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
