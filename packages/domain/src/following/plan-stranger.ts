import { reason, reasonText } from '../reasons/reason.ts';
import type { LocalSlot } from '../vocabulary/slot-state.ts';
import { type CopyPlace, placeReasons } from './copy-place.ts';
import type { LiveSubject } from './plan-input.ts';
import { waitsForSubscriber } from './slot-start.ts';
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
    const reasons = [reason('used_here'), ...placeReasons(place)];
    return { ...verdict(subject, 'conflict', reasons), atRisk: true };
  }
  switch (place.kind) {
    case 'sound':
      return undefined;
    case 'unexplained': {
      const reasons = [...placeReasons(place), waitsForSubscriber(subject, place.position)];
      return { ...verdict(subject, 'catching_up', reasons), atRisk: true };
    }
    case 'strayed': {
      const why = placeReasons(place);
      const drop = { kind: 'drop', slot: name, reason: reasonText(why) } as const;
      return { ...verdict(subject, 'catching_up', [reason('remaking'), ...why], drop), atRisk: true };
    }
  }
}
