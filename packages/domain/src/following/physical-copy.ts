import { reason } from '../reasons/reason.ts';
import type { Ownership } from '../vocabulary/node-status.ts';
import type { Reason } from '../vocabulary/reason.ts';
import type { SlotName } from '../vocabulary/slot-name.ts';
import { isInvalidated, type LocalSlot, type PhysicalSlotState } from '../vocabulary/slot-state.ts';
import type { PinFacts } from './pin-path.ts';
import type { PlanInput, Subject } from './plan-input.ts';

/**
 * What is on record of the slot that stands here, or is to. A physical slot is somebody's hold on WAL, and none of slotcast's to touch, unless it was made as a physical one; so
 * is a placeholder under the name of a slot that was quarantined, and whatever else keeps no WAL.
 */
export function ownershipOf(
  here: LocalSlot | undefined,
  recorded: Ownership | undefined,
): Ownership | undefined {
  if (here === undefined) {
    return recorded;
  }
  if (here.type === 'logical') {
    return recorded?.physical === true ? undefined : recorded;
  }
  const keepsWal = here.restartLsn !== undefined || isInvalidated(here);
  return recorded?.physical === true && keepsWal ? recorded : undefined;
}

/** Why no copy of this physical slot of the primary is kept here; `undefined` where one is. */
export function whyNotCarried(
  { policy, pin }: Pick<PlanInput, 'policy' | 'pin'>,
  state: PhysicalSlotState,
): Reason | undefined {
  if (!policy.wanted(state)) {
    return reason('not_selected');
  }
  return isUpstreamSlot(pin, state.name) ? reason('own_upstream_slot') : undefined;
}

/**
 * The slot through which this standby streams, or a standby that it streams from: none of these servers will ever follow this one under that name, as long as it is behind
 * them.
 */
function isUpstreamSlot({ primarySlotName, links }: PinFacts, name: SlotName): boolean {
  return primarySlotName === name || links.some(({ slot }) => slot === name);
}

/** Most standbys carry no physical slot, and nothing is said there of those of the primary. */
export function isOfNoConcern(
  input: Pick<PlanInput, 'policy' | 'pin'>,
  { event, owned }: Pick<Subject, 'event' | 'owned'>,
): boolean {
  const state = event?.state;
  if (state?.type !== 'physical' || owned !== undefined) {
    return false;
  }
  const keepsNothing = state.restartLsn === undefined && !isInvalidated(state);
  return event?.op === 'drop' || keepsNothing || whyNotCarried(input, state) !== undefined;
}
