import type { Lsn } from '../vocabulary/lsn.ts';
import type { Ownership } from '../vocabulary/node-status.ts';
import { unprovenWaitMs } from './confirmation-rhythm.ts';
import type { LiveSubject, PlanInput } from './plan-input.ts';
import { waitsForConsumer } from './slot-start.ts';
import { type SlotVerdict, verdict } from './slot-verdict.ts';
import { waitsForPrepared } from './two-phase-proof.ts';

/**
 * A copy loses two_phase, so such a slot is made under its real name. It is safe when the primary's consumer has passed the point where it
 * starts, and nothing is open that may have been prepared before.
 */
export function planUnproven(
  input: PlanInput,
  subject: LiveSubject,
  made: { readonly owned: Ownership; readonly position: Lsn },
): SlotVerdict {
  const { name, confirmed } = subject;
  if (confirmed !== undefined && confirmed >= made.position) {
    const open = waitsForPrepared(input.unproven.get(name), input.prepared);
    if (open !== undefined) {
      return verdict(subject, 'catching_up', open);
    }
    return verdict(subject, 'catching_up', 'has been passed by its consumer', {
      kind: 'own',
      slot: name,
      ownership: { ...made.owned, proven: true },
    });
  }
  const since = input.unproven.get(name)?.since ?? input.now;
  const waitMs = unprovenWaitMs(input.rhythms.get(name));
  if (input.now - since >= waitMs) {
    const seconds = Math.round(waitMs / 1000);
    const late = `its consumer did not move past it in time, within ${seconds} s`;
    return verdict(subject, 'catching_up', late, {
      kind: 'drop',
      slot: name,
      reason: late,
    });
  }
  return verdict(subject, 'catching_up', waitsForConsumer(subject, made.position));
}
