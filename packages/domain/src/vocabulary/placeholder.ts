import { isInvalidated, type SlotState } from './slot-state.ts';

/**
 * True for a slot that holds its name and nothing else: a physical one that never reserved WAL and that nobody uses. Such a *placeholder* is left under the name
 * of a slot that was quarantined: a subscriber that finds its slot missing may make it anew without a word (Debezium before 3.4), but no client gets past a
 * physical slot. What a person made and has not used yet looks the same, so this alone is no reason to drop one.
 */
export function isPlaceholder(slot: SlotState | undefined): boolean {
  return (
    slot?.type === 'physical' &&
    slot.restartLsn === undefined &&
    slot.xmin === undefined &&
    slot.catalogXmin === undefined &&
    !slot.active &&
    !isInvalidated(slot)
  );
}

/** The same array where there are none. */
export function withoutPlaceholders(slots: readonly SlotState[]): readonly SlotState[] {
  return slots.some(isPlaceholder) ? slots.filter((slot) => !isPlaceholder(slot)) : slots;
}
