import { reason, reasonText } from '../reasons/reason.ts';
import type { LocalSlot } from '../vocabulary/slot-state.ts';
import { type CopyPlace, placeReasons } from './copy-place.ts';
import type { LiveSubject, PlanInput } from './plan-input.ts';
import { waitsForSubscriber } from './slot-start.ts';
import { type SlotVerdict, verdict } from './slot-verdict.ts';

/**
 * A copy that somebody else uses, moved or made anew: never ready, and made again unless its subscriber may still pass it. `undefined`
 * when there is no sign of anybody else. While it is not known that the primary has the slot, from which alone another copy can be made, it stays: a server
 * that was the primary itself, and whose publisher never came to say so, has a slot of its own there.
 */
export function planStranger(
  input: PlanInput,
  subject: LiveSubject,
  local: LocalSlot,
  place: CopyPlace,
): SlotVerdict | undefined {
  const { name } = subject;
  // slotcast itself may be using it.
  const isUpkeep = input.held.get(name)?.cause === 'upkeep';
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
      if (input.isSuperseded === true) {
        return { ...verdict(subject, 'catching_up', [reason('waits_new_primary'), ...why]), atRisk: true };
      }
      const drop = { kind: 'drop', slot: name, reason: reasonText(why) } as const;
      return { ...verdict(subject, 'catching_up', [reason('remaking'), ...why], drop), atRisk: true };
    }
  }
}
