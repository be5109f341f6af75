import { databaseOf } from '../vocabulary/slot-database.ts';
import { isInvalidated, isLogical } from '../vocabulary/slot-state.ts';
import type { PlanInput, Subject } from './plan-input.ts';
import type { SlotVerdict } from './slot-verdict.ts';

/** A slot is renewed so many times within the time in which nobody may leave it idle. */
const RENEWALS = 3;

/**
 * Has a slot of slotcast's that takes no other step moved to where it stands, in time before the server would take it for idle. That is so
 * in every state: a subscriber may be silent for days, and the copy of its slot is wanted all the same.
 */
export function keptAlive(input: PlanInput, subject: Subject, planned: SlotVerdict): SlotVerdict {
  const { local, owned } = subject;
  const timeoutMs = input.limits.idleTimeoutMs;
  if (planned.action !== undefined || !isLogical(local) || owned === undefined || timeoutMs === undefined) {
    return planned;
  }
  const { confirmedFlushLsn, inactiveSince, active, synced } = local;
  if (confirmedFlushLsn === undefined || inactiveSince === undefined || active || synced) {
    return planned;
  }
  if (isInvalidated(local) || input.now - inactiveSince < timeoutMs / RENEWALS) {
    return planned;
  }
  return {
    ...planned,
    action: {
      kind: 'keep',
      slot: subject.name,
      database: databaseOf(local),
      plugin: local.plugin,
      position: confirmedFlushLsn,
    },
  };
}
