import type { LocalSlot } from '../vocabulary/slot-state.ts';
import { type CopyPlace, describePlace } from './copy-place.ts';
import type { LiveSubject } from './plan-input.ts';
import { waitsForConsumer } from './slot-start.ts';
import { type SlotVerdict, verdict } from './slot-verdict.ts';

/**
 * A copy that somebody else uses, moved or made anew: never ready, and made again unless its subscriber may still pass it. `undefined`
 * when there is no sign of anybody else. `isUpkeep`: slotcast itself may be using it.
 */
export function planStranger(
  subject: LiveSubject,
  local: LocalSlot,
  place: CopyPlace,
  isUpkeep: boolean,
): SlotVerdict | undefined {
  const { name } = subject;
  if (local.active && !isUpkeep) {
    // All other steps of slotcast's are over when the slots are looked at. Nobody's session is ended, so dropping it would only fail.
    const found = place.kind === 'sound' ? '' : `; ${describePlace(place)}`;
    const reason = `another program uses it on this server: end that (pg_replication_slots has its active_pid)${found}`;
    return { ...verdict(subject, 'conflict', reason), atRisk: true };
  }
  switch (place.kind) {
    case 'sound':
      return undefined;
    case 'unexplained': {
      const reason = `${describePlace(place)}: ${waitsForConsumer(subject, place.position)}`;
      return { ...verdict(subject, 'catching_up', reason), atRisk: true };
    }
    case 'strayed': {
      const why = describePlace(place);
      const drop = { kind: 'drop', slot: name, reason: why } as const;
      return { ...verdict(subject, 'catching_up', `is being remade: ${why}`, drop), atRisk: true };
    }
  }
}
