import type { LocalSlot } from '../vocabulary/slot-state.ts';
import type { LiveSubject, PlanInput } from './plan-input.ts';
import { type SlotVerdict, verdict } from './slot-verdict.ts';

/** A slot of that name is here that is not slotcast's. */
export function planConflict(input: PlanInput, subject: LiveSubject, local: LocalSlot): SlotVerdict {
  if (local.type === 'physical') {
    const clash =
      'a physical slot of this name exists here, which slotcast never touches: rename one of the two';
    return verdict(subject, 'conflict', clash);
  }
  if (input.policy.onConflict === 'replace') {
    return verdict(subject, 'conflict', 'a foreign slot is being replaced', {
      kind: 'drop',
      slot: subject.name,
      reason: 'SLOTCAST_ON_CONFLICT=replace',
    });
  }
  const reason =
    'a slot of this name exists here that slotcast did not make: take it over with slotcast adopt, drop it in its own database, or set SLOTCAST_ON_CONFLICT=replace to have it replaced';
  return verdict(subject, 'conflict', reason);
}
