import { databaseOf } from '../vocabulary/slot-database.ts';
import { isInvalidated, isLogical, type LocalSlot } from '../vocabulary/slot-state.ts';
import type { PlanInput, Subject } from './plan-input.ts';
import type { SlotAction, SlotVerdict } from './slot-verdict.ts';

/** A slot is renewed so many times within the time in which nobody may leave it idle. */
const RENEWALS = 3;

/**
 * Has a slot of slotcast's that takes no other step moved to where it stands, in time before the server would take it for idle. That is so
 * in every state: a subscriber may be silent for days, and the copy of its slot is wanted all the same.
 */
export function keptAlive(input: PlanInput, subject: Subject, planned: SlotVerdict): SlotVerdict {
  const { local, owned } = subject;
  const timeoutMs = input.limits.idleTimeoutMs;
  if (planned.action !== undefined || owned === undefined || local === undefined || timeoutMs === undefined) {
    return planned;
  }
  const { inactiveSince, active } = local;
  if (inactiveSince === undefined || active || isInvalidated(local)) {
    return planned;
  }
  return input.now - inactiveSince < timeoutMs / RENEWALS ? planned : { ...planned, action: renewal(local) };
}

/** None of a slot that PostgreSQL keeps itself, nor of one that stands nowhere. */
function renewal(local: LocalSlot): SlotAction | undefined {
  const { name: slot, confirmedFlushLsn, restartLsn } = local;
  if (!isLogical(local)) {
    return restartLsn && { kind: 'advance_physical', slot, target: restartLsn };
  }
  if (confirmedFlushLsn === undefined || local.synced) {
    return undefined;
  }
  const { plugin } = local;
  return { kind: 'keep', slot, database: databaseOf(local), plugin, position: confirmedFlushLsn };
}
