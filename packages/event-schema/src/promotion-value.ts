import { aheadOutcomes, type Promotion, parseSlotName, type SlotAhead, timeline } from '@slotcast/domain';
import { toLong, toTimestamp } from './avro-number.ts';
import type { FieldReader } from './field-reader.ts';
import { readReasons, reasonFields } from './reason-value.ts';

/** A promotion as fields of `io.slotcast.Promotion`. Throws a RangeError on numbers that do not fit. */
export function promotionFields(promotion: Promotion): object {
  return {
    timeline: toLong('timeline', promotion.timeline),
    switch_lsn: promotion.switchLsn,
    fenced_lsn: promotion.fencedLsn ?? null,
    unheard:
      promotion.unheard === undefined
        ? null
        : { since: toTimestamp('since', promotion.unheard.since), lsn: promotion.unheard.lsn },
    ahead: promotion.ahead.map(({ slot, confirmedFlushLsn, outcome, prepared }) => ({
      slot,
      confirmed_flush_lsn: confirmedFlushLsn,
      outcome,
      prepared: prepared ?? null,
    })),
    lost: promotion.lost.map(({ slot, reasons }) => ({ slot, reasons: reasons.map(reasonFields) })),
    time: toTimestamp('time', promotion.time),
  };
}

function readAhead(row: FieldReader): SlotAhead {
  const prepared = row.optionalList('prepared');
  return {
    slot: parseSlotName(row.text('slot')),
    confirmedFlushLsn: row.position('confirmed_flush_lsn'),
    outcome: row.symbol('outcome', aheadOutcomes),
    ...(prepared !== undefined && { prepared }),
  };
}

/** Reads what `promotionFields` wrote. Throws a RangeError on values that the domain does not have. */
export function readPromotion(fields: FieldReader | undefined): Promotion | undefined {
  if (fields === undefined) {
    return undefined;
  }
  const fencedLsn = fields.optionalPosition('fenced_lsn');
  const unheard = fields.optionalRecord('unheard');
  return {
    timeline: timeline(fields.integer('timeline')),
    switchLsn: fields.position('switch_lsn'),
    ...(fencedLsn !== undefined && { fencedLsn }),
    ...(unheard !== undefined && {
      unheard: { since: unheard.integer('since'), lsn: unheard.position('lsn') },
    }),
    ahead: fields.records('ahead').map(readAhead),
    lost: fields
      .records('lost')
      .map((row) => ({ slot: parseSlotName(row.text('slot')), reasons: readReasons(row, 'reasons') })),
    time: fields.integer('time'),
  };
}
