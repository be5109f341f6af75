import { reason, reasonText } from '../reasons/reason.ts';
import type { Reason } from '../vocabulary/reason.ts';
import { sameIncarnation } from '../vocabulary/slot-event.ts';
import type { SlotState } from '../vocabulary/slot-state.ts';
import type { PlanInput, Subject } from './plan-input.ts';
import { type SlotVerdict, verdict } from './slot-verdict.ts';

/**
 * No applicable event: either all are still ahead of replay, or compaction has removed the drop of a slot long gone. A slot whose
 * own incarnation is still ahead is spared: a crash restart of the standby takes replay back to where it did not exist yet.
 */
export function planUnknown(input: PlanInput, subject: Subject): SlotVerdict {
  const { name, owned } = subject;
  const { manifest } = input;
  const ahead = input.waiting.get(name)?.oldest;
  const comes =
    ahead !== undefined &&
    owned?.lineage === manifest.lineage &&
    sameIncarnation(ahead.incarnation, owned.incarnation);
  if (!comes && !subject.listed) {
    return planGone(input, subject, reason('not_on_primary'));
  }
  return verdict(subject, 'catching_up', [reason('waits_first_event')]);
}

export function planGone(input: PlanInput, subject: Subject, why: Reason): SlotVerdict {
  const { name, local, owned } = subject;
  if (owned === undefined) {
    return verdict(subject, 'absent', [why]);
  }
  if (local === undefined) {
    return verdict(subject, 'absent', [why], { kind: 'release', slot: name });
  }
  if (!input.policy.dropExtraSlots) {
    return verdict(subject, 'absent', [why, reason('kept_here')]);
  }
  return verdict(subject, 'absent', [why], { kind: 'drop', slot: name, reason: reasonText([why]) });
}

/** Of a slot that the primary can never serve again. */
function lostOnPrimary({ invalidationReason }: SlotState): Reason {
  return reason('lost_on_primary', { cause: invalidationReason ?? 'wal_removed' });
}

export function planInvalidated(subject: Subject & { readonly state: SlotState }): SlotVerdict {
  const { name, local, owned, state } = subject;
  const reasons = [lostOnPrimary(state)];
  if (owned === undefined) {
    return verdict(subject, 'invalidated', reasons);
  }
  return verdict(
    subject,
    'invalidated',
    reasons,
    local === undefined
      ? { kind: 'release', slot: name }
      : { kind: 'drop', slot: name, reason: reasonText(reasons) },
  );
}
