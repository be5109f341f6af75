import { sameIncarnation } from '../vocabulary/slot-event.ts';
import type { LiveSubject, PlanInput, Subject } from './plan-input.ts';
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
    return planGone(input, subject, 'the primary has no such slot any more');
  }
  return verdict(subject, 'catching_up', 'waits for replay to reach its first event');
}

export function planGone(input: PlanInput, subject: Subject, why: string): SlotVerdict {
  const { name, local, owned } = subject;
  if (owned === undefined) {
    return verdict(subject, 'absent', why);
  }
  if (local === undefined) {
    return verdict(subject, 'absent', why, { kind: 'release', slot: name });
  }
  if (!input.policy.dropExtraSlots) {
    return verdict(subject, 'absent', `${why}; SLOTCAST_DROP_EXTRA_SLOTS=false keeps the copy here`);
  }
  return verdict(subject, 'absent', why, { kind: 'drop', slot: name, reason: why });
}

export function planInvalidated(subject: LiveSubject): SlotVerdict {
  const { name, local, owned, state } = subject;
  const reason = `lost on the primary (${state.invalidationReason ?? 'wal_removed'}): drop it there and let its consumer start over`;
  if (owned === undefined) {
    return verdict(subject, 'invalidated', reason);
  }
  return verdict(
    subject,
    'invalidated',
    reason,
    local === undefined ? { kind: 'release', slot: name } : { kind: 'drop', slot: name, reason: reason },
  );
}
