import { isUsableFromBehind, type ReadinessState } from '../vocabulary/node-status.ts';
import type { Hold, Subject } from './plan-input.ts';
import { type SlotVerdict, verdict } from './slot-verdict.ts';

/**
 * A slot that pauses gets no step at all: giving up ownership, too, would leave a slot whose creation is under way without an owner. What
 * a person has to fix shows as long as it fails, not only in the pauses. A copy that is refuted is not ready, whatever else is so.
 */
export function withHold(held: Hold | undefined, subject: Subject, planned: SlotVerdict): SlotVerdict {
  if (held?.cause === 'upkeep') {
    return { ...planned, action: undefined, upkeep: true };
  }
  if (held?.cause === 'refuted') {
    return refuted(held, subject, planned);
  }
  if (held === undefined || planned.action === undefined || (!held.pausing && held.cause !== 'person')) {
    return planned;
  }
  const reasons = [...planned.reasons, ...held.reasons];
  const next = held.pausing ? undefined : planned.action;
  return {
    ...verdict(subject, heldState(held, subject, planned.state), reasons, next),
    atRisk: planned.atRisk,
    needsProbe: planned.needsProbe,
    ...(planned.physical === true && { physical: true }),
  };
}

/** It is said in any state: the record is all that a process knows of it that comes later. */
function refuted(held: Hold, subject: Subject, planned: SlotVerdict): SlotVerdict {
  const next = held.pausing ? undefined : planned.action;
  const reasons = [...held.reasons, ...planned.reasons];
  return planned.state === 'ready' || isUsableFromBehind(planned.state)
    ? { ...verdict(subject, 'blocked', reasons, next), atRisk: planned.atRisk }
    : { ...planned, reasons, action: next };
}

/** A slot that stands here and is not safe to use keeps the state that says so. */
function heldState(held: Hold, subject: Subject, planned: ReadinessState): ReadinessState {
  if (planned === 'ready' || isUsableFromBehind(planned)) {
    return held.cause === 'person' ? 'blocked' : 'retrying';
  }
  const isToBeMade = planned === 'catching_up' && subject.local === undefined;
  return isToBeMade && held.cause === 'person' ? 'blocked' : planned;
}
