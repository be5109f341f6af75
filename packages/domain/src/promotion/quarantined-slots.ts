import { reason } from '../reasons/reason.ts';
import { isPlaceholder } from '../vocabulary/placeholder.ts';
import type { Promotion, SlotAhead, SlotLost } from '../vocabulary/promotion-record.ts';
import type { SlotName } from '../vocabulary/slot-name.ts';
import { isLogical, type SlotState } from '../vocabulary/slot-state.ts';
import { copyAmong, copyNames } from './quarantine-name.ts';

/** The slots that a promotion put out of their subscribers' reach: a placeholder has each name until a person frees it. */
export function quarantinedSlots(promotion: Promotion | undefined): ReadonlySet<SlotName> {
  const ahead = promotion?.ahead.filter(({ outcome }) => outcome === 'quarantined') ?? [];
  const strayed = promotion?.lost.filter(isStrayedAway) ?? [];
  return new Set([...ahead, ...strayed].map(({ slot }) => slot));
}

/** True for the name of the copy of such a slot. */
export function isQuarantineCopy(name: SlotName, promotion: Promotion | undefined): boolean {
  return [...quarantinedSlots(promotion)].some((slot) => copyNames(slot).includes(name));
}

/** The slots of a promotion whose names are kept taken now. */
export function standingPlaceholders(
  promotion: Promotion | undefined,
  slots: readonly SlotState[],
): ReadonlySet<SlotName> {
  const quarantined = quarantinedSlots(promotion);
  const standing = slots.filter((slot) => quarantined.has(slot.name) && isPlaceholder(slot));
  return new Set(standing.map(({ name }) => name));
}

/**
 * Tells of a slot that is missing whether slotcast has put it out of reach: a placeholder has its name, or its copy has just come. For a moment the name is free, as PostgreSQL
 * does not rename slots. `isKnown`: slots that were there before.
 */
export function putAwayBy(
  slots: readonly SlotState[],
  isKnown: (slot: SlotName) => boolean,
): (slot: SlotName) => boolean {
  // Asked of few: those that are missing.
  const find = (name: SlotName): SlotState | undefined => slots.find((slot) => slot.name === name);
  return (name) => {
    const shown = find(name);
    return shown === undefined
      ? copyNames(name).some((copy) => isLogical(find(copy)) && !isKnown(copy))
      : isPlaceholder(shown);
  };
}

function isStrayedAway({ reasons }: SlotLost): boolean {
  return reasons.some(({ code }) => code === 'strayed_kept' || code === 'strayed_dropped');
}

/**
 * What a hand-off may say of the slots that it quarantined, by what stands on the server in the end. `before`: what was on record when it began; of those slots a
 * person may have freed the names since. `faults`: names that are free, or that somebody took for a slot.
 */
export function judgeQuarantines(
  promotion: Promotion,
  { slots, before }: { readonly slots: readonly SlotState[]; readonly before: Promotion | undefined },
): { readonly standing: Promotion; readonly faults: readonly SlotName[] } {
  const here = new Map(slots.map((slot) => [slot.name, slot]));
  const logical = new Set(slots.filter(isLogical).map(({ name }) => name));
  const settled = quarantinedSlots(before);
  const fresh = [...quarantinedSlots(promotion)].filter((slot) => !settled.has(slot));
  const faults = fresh.filter((slot) => !isPlaceholder(here.get(slot)));
  const ahead = promotion.ahead.map(
    (entry): SlotAhead => (faults.includes(entry.slot) ? { ...entry, outcome: 'unsafe' } : entry),
  );
  const lost = promotion.lost.map((entry): SlotLost => {
    if (!fresh.includes(entry.slot)) {
      return entry;
    }
    const kept = entry.reasons.filter(({ code }) => code !== 'strayed_kept' && code !== 'strayed_dropped');
    if (faults.includes(entry.slot)) {
      return { ...entry, reasons: [...kept, reason('name_not_kept')] };
    }
    if (kept.length === entry.reasons.length) {
      return entry;
    }
    const copy = copyAmong(entry.slot, logical);
    const advice = copy === undefined ? reason('strayed_dropped') : reason('strayed_kept', { copy });
    return { ...entry, reasons: [...kept, advice] };
  });
  return { standing: { ...promotion, ahead, lost }, faults };
}
