import { reason, reasonText } from '../reasons/reason.ts';
import type { Lsn } from '../vocabulary/lsn.ts';
import type { Ownership } from '../vocabulary/node-status.ts';
import { unprovenWaitMs } from './confirmation-rhythm.ts';
import type { LiveSubject, PlanInput } from './plan-input.ts';
import { waitsForSubscriber } from './slot-start.ts';
import { type SlotVerdict, verdict } from './slot-verdict.ts';
import { waitsForPrepared } from './two-phase-proof.ts';

/**
 * A copy loses two_phase, so such a slot is made under its real name. It is safe when the primary's subscriber has passed the point where it
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
      return verdict(subject, 'catching_up', [open]);
    }
    return verdict(subject, 'catching_up', [reason('passed')], {
      kind: 'own',
      slot: name,
      ownership: { ...made.owned, proven: true },
    });
  }
  const since = input.unproven.get(name)?.since ?? input.now;
  const waitMs = unprovenWaitMs(input.rhythms.get(name));
  if (input.now - since >= waitMs) {
    const seconds = Math.round(waitMs / 1000);
    const late = [reason('subscriber_too_slow', { seconds })];
    return verdict(subject, 'catching_up', late, {
      kind: 'drop',
      slot: name,
      reason: reasonText(late),
    });
  }
  return verdict(subject, 'catching_up', [waitsForSubscriber(subject, made.position)]);
}
