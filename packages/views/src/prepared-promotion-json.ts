import { formatLsn, isPrepared, type PreparedPromotion, reasonText } from '@slotcast/domain';
import { listOf, lsnText, reasonsJson, textOrNull } from './json-values.ts';

/** The shape of `slotcast prepare-promotion --output json`: positions as text, times in milliseconds, absent values null. */
export function preparedPromotionJson(prepared: PreparedPromotion) {
  const { publisherSilentMs } = prepared;
  const unknown = listOf(prepared.unknown);
  const filter = listOf(prepared.filter);
  const alarm = listOf(prepared.alarm);
  return {
    safe: isPrepared(prepared),
    node: prepared.node,
    timeline: prepared.timeline,
    replay_lsn: formatLsn(prepared.replayLsn),
    end_of_wal: formatLsn(prepared.endOfWal),
    publisher_silent_ms: Number.isFinite(publisherSilentMs) ? Math.round(publisherSilentMs) : null,
    drained: prepared.drained,
    cannot_tell: textOrNull(unknown),
    cannot_tell_reasons: reasonsJson(unknown),
    filter: textOrNull(filter),
    filter_reasons: reasonsJson(filter),
    alarm: textOrNull(alarm),
    alarm_reasons: reasonsJson(alarm),
    slots: prepared.slots.map((slot) => ({
      slot: slot.slot,
      type: slot.type,
      risk: slot.risk,
      state: slot.state,
      reason: reasonText(slot.reasons),
      reasons: reasonsJson(slot.reasons),
      confirmed_flush_lsn: lsnText(slot.confirmedFlushLsn),
      published_lsn: lsnText(slot.publishedLsn),
      ahead_bytes: Number(slot.aheadBytes),
    })),
  };
}

export type PreparedPromotionJson = ReturnType<typeof preparedPromotionJson>;
