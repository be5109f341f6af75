import { reason } from '../reasons/reason.ts';
import { isLogical } from '../vocabulary/slot-state.ts';
import type { Subject } from './plan-input.ts';
import { type SlotVerdict, verdict } from './slot-verdict.ts';

/** PostgreSQL's own slot synchronisation keeps it; a slot of ours with that name would stop its whole cycle. */
export function planNative(subject: Subject): SlotVerdict {
  const native = [reason('native')];
  const { local } = subject;
  const isSynced = isLogical(local) && local.synced;
  if (subject.owned === undefined) {
    return local === undefined || isSynced
      ? verdict(subject, 'native', native)
      : verdict(subject, 'conflict', [reason('native_blocked'), ...native]);
  }
  if (local !== undefined && !isSynced) {
    return verdict(subject, 'native', native, {
      kind: 'drop',
      slot: subject.name,
      reason: 'handed over to slot synchronisation',
    });
  }
  return verdict(subject, 'native', native, { kind: 'release', slot: subject.name });
}
