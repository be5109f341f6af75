import { nameWithSuffix } from '../vocabulary/kept-name.ts';
import type { SlotName } from '../vocabulary/slot-name.ts';

/** The name under which a slot is kept that its subscriber must not use. It never ends like the slot's own name, so the two differ. */
export function quarantineName(slot: SlotName): SlotName {
  return nameWithSuffix(slot, slot.endsWith('_diverged') ? '_again' : '_diverged');
}

/** The names that the copy of a quarantined slot may have: what is no copy of it may have the first. */
export function copyNames(slot: SlotName): readonly SlotName[] {
  const first = quarantineName(slot);
  return [first, quarantineName(first)];
}

/** The name that the copy of a quarantined slot has among those that are there. The second is only taken where the first belongs to something else. */
export function copyAmong(
  slot: SlotName,
  here: { readonly has: (name: SlotName) => boolean },
): SlotName | undefined {
  return copyNames(slot).findLast((copy) => here.has(copy));
}

/** True for a name that such a copy may have, for those who do not know what was quarantined. */
export function endsAsCopy(slot: SlotName): boolean {
  return slot.endsWith('_diverged') || slot.endsWith('_diverged_again');
}
