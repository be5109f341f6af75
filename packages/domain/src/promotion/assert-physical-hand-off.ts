import { type Check, isUpTo } from '../following/plan-facts.ts';
import { type SlotEvent, sameIncarnation } from '../vocabulary/slot-event.ts';
import { isInvalidated } from '../vocabulary/slot-state.ts';
import type { HandOffInput } from './hand-off-plan.ts';
import type { PhysicalMove } from './physical-hand-off.ts';

/** A promoted server lets go of WAL only for a slot of slotcast's whose reader has confirmed it, and only of WAL that it shares with the server before. */
export function checkPhysicalMove({ slot, target }: PhysicalMove, input: HandOffInput): readonly Check[] {
  const here = input.local.find(({ name, temporary }) => name === slot && !temporary);
  const owned = input.ownership.get(slot);
  const events = [input.published.get(slot), input.elsewhere.get(slot)].filter(
    (event) => event !== undefined,
  );
  const isOurs =
    owned?.physical === true &&
    owned.lineage === input.lineage &&
    events.some(({ incarnation }) => sameIncarnation(incarnation, owned.incarnation));
  const from = here?.restartLsn;
  return [
    [isOurs, "it is not slotcast's, or of another incarnation"],
    [here?.type === 'physical' && !isInvalidated(here), 'no such slot is here'],
    [here?.active !== true, 'somebody streams through it'],
    [from !== undefined && from < target, 'it would not go forwards'],
    [target <= input.switchLsn, 'it would go past the WAL that this server shares with the one before'],
    [events.some((event) => isConfirmedBy(event, target)), 'its reader may still need that WAL'],
    [!(input.unreadable ?? []).some((each) => each.slot === slot), 'its row here cannot be right'],
  ];
}

function isConfirmedBy({ op, state, lsn }: SlotEvent, target: PhysicalMove['target']): boolean {
  const isThere = op !== 'drop' && state?.type === 'physical';
  return isThere && isUpTo(target, state.restartLsn) && isUpTo(target, lsn);
}
