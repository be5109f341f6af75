import { reason } from '../reasons/reason.ts';
import { databaseKey } from '../vocabulary/slot-database.ts';
import type { SlotAction, SlotVerdict } from './slot-verdict.ts';

/** A server's replication slots of all kinds. */
interface SlotCapacity {
  /** `max_replication_slots`. */
  readonly max: number;
  /** Slots that exist, temporary ones too. */
  readonly used: number;
  /** How many of them are gone before the first copy is made. */
  readonly passing: number;
}

/**
 * Keeps within `max_replication_slots`: what does not fit is blocked with the remedy, the rest goes on. Slots that were here before go first, then copies. A temporary slot
 * is made only where a copy of it fits as well: alone it would hold back vacuum for nothing. One per database is enough, and one anchor.
 */
export function withinCapacity(capacity: SlotCapacity, verdicts: readonly SlotVerdict[]): SlotVerdict[] {
  let free = capacity.max - capacity.used;
  const allot = (entry: SlotVerdict, needed: number, passing = 0): SlotVerdict => {
    if (free + passing < needed) {
      const facts = { needed, free: Math.max(0, free + passing), max: capacity.max };
      const reasons = [reason('no_free_slots', facts)];
      return { ...entry, state: 'blocked', reasons, action: undefined, lacksPlace: true };
    }
    free -= needed;
    return entry;
  };
  const begun = new Set<string>();
  return verdicts
    .map((entry) => (entry.action?.kind === 'restore' ? allot(entry, 1) : entry))
    .map((entry) => {
      if (!isLasting(entry.action)) {
        return entry;
      }
      const granted = allot(entry, 1, capacity.passing);
      // Its place is the anchor's as yet.
      return free < 0 ? { ...granted, action: undefined } : granted;
    })
    .map((entry) => {
      const key = temporarySlotOf(entry.action);
      if (key === undefined) {
        return entry;
      }
      if (begun.has(key)) {
        return { ...entry, action: undefined };
      }
      const granted = allot(entry, 2, entry.action?.kind === 'probe' ? capacity.passing : 0);
      if (granted.action !== undefined) {
        begun.add(key);
      }
      return granted;
    });
}

/** How many replication slots the steps of a plan make. */
export function countMade(verdicts: readonly SlotVerdict[]): number {
  return verdicts.filter(
    ({ action }) => action?.kind === 'restore' || isLasting(action) || temporarySlotOf(action) !== undefined,
  ).length;
}

/** Which temporary slot a step makes, of those that there is one of. */
function temporarySlotOf(step: SlotAction | undefined): string | undefined {
  if (step?.kind === 'anchor') {
    return 'anchor';
  }
  return step?.kind === 'probe' ? databaseKey(step.database) : undefined;
}

const lasting: ReadonlySet<SlotAction['kind']> = new Set([
  'copy',
  'create_two_phase',
  'create_physical',
  'set_aside',
]);

function isLasting(step: SlotAction | undefined): boolean {
  return step !== undefined && lasting.has(step.kind);
}
