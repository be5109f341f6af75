import type { Lsn } from '../vocabulary/lsn.ts';
import type { Ownership } from '../vocabulary/node-status.ts';
import type { LiveSubject, PlanInput } from './plan-input.ts';
import { waitsForConsumer } from './plan-missing.ts';
import { type SlotVerdict, verdict } from './slot-verdict.ts';

/** A copy loses two_phase, so such a slot is made under its real name and must be passed by the primary's consumer soon. */
export function planUnproven(
  input: PlanInput,
  subject: LiveSubject,
  made: { readonly owned: Ownership; readonly position: Lsn },
): SlotVerdict {
  const { name, confirmed } = subject;
  if (confirmed !== undefined && confirmed >= made.position) {
    return verdict(subject, 'catching_up', 'has been passed by its consumer', {
      kind: 'own',
      slot: name,
      ownership: { ...made.owned, proven: true },
    });
  }
  const since = input.unprovenSince.get(name) ?? input.now;
  if (input.now - since >= input.policy.unprovenTimeoutMs) {
    return verdict(subject, 'catching_up', 'its consumer did not move past it in time', {
      kind: 'drop',
      slot: name,
      reason: 'not passed by its consumer in time',
    });
  }
  return verdict(subject, 'catching_up', waitsForConsumer(subject, made.position));
}
