import { reasonText } from '../reasons/reason.ts';
import { doubtFilter, type FilterText } from '../reasons/slot-filter-doubt.ts';
import { isCanary } from '../vocabulary/canary-slot.ts';
import type { SlotState } from '../vocabulary/slot-state.ts';
import { type Check, failed, ok } from './check.ts';

/** Judges whether the filter can be meant as it is written, by the logical slots of the primary. */
export function checkSlotFilter(
  slots: readonly SlotState[],
  { filter, wanted }: { readonly filter: FilterText; readonly wanted: (slot: SlotState) => boolean },
): Check {
  const carried = slots.filter((slot) => !isCanary(slot));
  const selected = carried.filter(wanted).length;
  const live = carried.map(({ name }) => name).toSorted();
  const doubt = doubtFilter({ filter, live, wanted: selected, drops: 0, keeps: 0 });
  return doubt === undefined
    ? ok('slot_filter', `SLOTCAST_SLOTS selects ${selected} of ${carried.length} logical slots`)
    : failed('slot_filter', reasonText([doubt]), `SLOTCAST_SLOTS=${live.join(',')}`);
}
