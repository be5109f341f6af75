import { databaseKey } from '../vocabulary/slot-database.ts';
import type { SlotAction, SlotVerdict } from './slot-verdict.ts';

/** A server's replication slots of all kinds. */
interface SlotCapacity {
  /** `max_replication_slots`. */
  readonly max: number;
  /** Slots that exist, temporary ones too. */
  readonly used: number;
}

/**
 * Keeps within `max_replication_slots`: what does not fit is blocked with the remedy, the rest goes on. Slots that were here before go first, then copies. A temporary slot
 * is made only where a copy of it fits as well: alone it would hold back vacuum for nothing. One per database is enough.
 */
export function withinCapacity(capacity: SlotCapacity, verdicts: readonly SlotVerdict[]): SlotVerdict[] {
  let free = capacity.max - capacity.used;
  const allot = (entry: SlotVerdict, needed: number): SlotVerdict => {
    if (free < needed) {
      const reason = `it takes ${needed} free replication slots to make it, and ${Math.max(0, free)} of ${capacity.max} are free here: raise max_replication_slots and restart the server`;
      return { ...entry, state: 'blocked', reason, action: undefined };
    }
    free -= needed;
    return entry;
  };
  const probing = new Set<string>();
  return verdicts
    .map((entry) => (entry.action?.kind === 'restore' ? allot(entry, 1) : entry))
    .map((entry) => (isLasting(entry.action) ? allot(entry, 1) : entry))
    .map((entry) => {
      if (entry.action?.kind !== 'probe') {
        return entry;
      }
      if (probing.has(databaseKey(entry.action.database))) {
        return { ...entry, action: undefined };
      }
      const granted = allot(entry, 2);
      if (granted.action !== undefined) {
        probing.add(databaseKey(entry.action.database));
      }
      return granted;
    });
}

function isLasting(step: SlotAction | undefined): boolean {
  return step?.kind === 'copy' || step?.kind === 'create_two_phase';
}
