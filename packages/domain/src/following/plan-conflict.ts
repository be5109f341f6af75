import { reason } from '../reasons/reason.ts';
import { isPlaceholder } from '../vocabulary/placeholder.ts';
import type { LocalSlot } from '../vocabulary/slot-state.ts';
import type { LiveSubject, PlanInput } from './plan-input.ts';
import { type SlotVerdict, verdict } from './slot-verdict.ts';

/** A slot of that name is here that is not slotcast's. */
export function planConflict(input: PlanInput, subject: LiveSubject, local: LocalSlot): SlotVerdict {
  if (local.type === 'physical') {
    const why = isPlaceholder(local) ? 'name_taken_by_placeholder' : 'name_taken_by_physical';
    return verdict(subject, 'conflict', [reason(why)]);
  }
  if (input.policy.onConflict === 'replace') {
    return verdict(subject, 'conflict', [reason('replacing')], {
      kind: 'drop',
      slot: subject.name,
      reason: 'SLOTCAST_ON_CONFLICT=replace',
    });
  }
  return verdict(subject, 'conflict', [reason('name_taken')]);
}
