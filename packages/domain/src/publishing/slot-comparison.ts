import type { UnreadableSlot } from '../vocabulary/node-status.ts';
import { isSlotOf, type SlotRecords, wasQuarantined } from '../vocabulary/slot-continuity.ts';
import type { OrphanedSlot } from '../vocabulary/slot-event.ts';
import type { SlotName } from '../vocabulary/slot-name.ts';
import type { SlotState } from '../vocabulary/slot-state.ts';
import { type Continuity, diffSlots, type PublishedSlots, type SlotChange } from './slot-diff.ts';

/** What one look of a tenure at the primary showed, what the topic had then, and what it lacked. */
export interface SlotComparison {
  readonly published: PublishedSlots;
  readonly orphans: readonly OrphanedSlot[];
  /** By which a slot here is known for the one that was published. */
  readonly records: SlotRecords;
  readonly slots: readonly SlotState[];
  /** Whether a slot that is not among them was put out of its subscriber's reach, by what stands in its place. */
  readonly isPutAway: (slot: SlotName) => boolean;
  readonly unreadable: readonly UnreadableSlot[];
  readonly byName: ReadonlyMap<SlotName, SlotState>;
  readonly changes: readonly SlotChange[];
}

/**
 * Compares the topic with a look at the primary; `before` is the comparison of the look before in the same tenure, absent for its first. The very
 * same look and the very same topic as before, where the two agreed, agree again: at rest comparing would be most of the publisher's work. `continuity`: between what was
 * published before the tenure and its first look. A tenure ends with its session, which outlasts no crash of the server.
 */
export function compareSlots(
  before: SlotComparison | undefined,
  now: Omit<SlotComparison, 'byName' | 'changes'>,
  continuity: Continuity,
): SlotComparison {
  const { published, orphans, records, slots, isPutAway, unreadable } = now;
  if (
    before?.changes.length === 0 &&
    before.published === published &&
    before.orphans === orphans &&
    before.records.promotion === records.promotion &&
    before.slots === slots &&
    before.unreadable === unreadable
  ) {
    return before;
  }
  // On record is only what was done before the tenure: of what it has published since, a person may have dropped it.
  const isRecorded = (slot: SlotName): boolean =>
    wasQuarantined(records.promotion, slot) && published.get(slot)?.unseen === true;
  const changes = diffSlots({
    published,
    observed: slots,
    lastObserved: before?.byName,
    continuity: before === undefined ? continuity : 'same_run',
    unreadable,
    orphans,
    isKnown: (shown, known) => isSlotOf(shown, known, records),
    isQuarantined: (slot) => isPutAway(slot) || isRecorded(slot),
  });
  const byName = before?.slots === slots ? before.byName : new Map(slots.map((slot) => [slot.name, slot]));
  return { published, orphans, records, slots, isPutAway, unreadable, byName, changes };
}
