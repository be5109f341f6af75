import { isLogical } from '../vocabulary/slot-state.ts';
import type { Subject } from './plan-input.ts';
import { type SlotVerdict, verdict } from './slot-verdict.ts';

/** PostgreSQL's own slot synchronisation keeps it; a slot of ours with that name would stop its whole cycle. */
export function planNative(subject: Subject): SlotVerdict {
  const reason =
    "PostgreSQL's own slot synchronisation keeps it (failover = true, sync_replication_slots = on)";
  const { local } = subject;
  const isSynced = isLogical(local) && local.synced;
  if (subject.owned === undefined) {
    return local === undefined || isSynced
      ? verdict(subject, 'native', reason)
      : verdict(subject, 'conflict', `a slot of this name stands in the way here: drop it. ${reason}`);
  }
  if (local !== undefined && !isSynced) {
    return verdict(subject, 'native', reason, {
      kind: 'drop',
      slot: subject.name,
      reason: 'handed over to slot synchronisation',
    });
  }
  return verdict(subject, 'native', reason, { kind: 'release', slot: subject.name });
}
