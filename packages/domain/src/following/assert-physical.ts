import { isInvalidated } from '../vocabulary/slot-state.ts';
import { type Check, isOfPresent, isSelected, isUpTo, type SlotFacts } from './plan-facts.ts';
import type { SlotAction } from './slot-verdict.ts';

/** It is physical on the primary, and selected, and nobody upstream of here streams through it. */
export function isPhysicalToBeHere(slot: SlotFacts): boolean {
  const { name, state, input } = slot;
  const { primarySlotName, links } = input.pin;
  const upstream = [primarySlotName, ...links.map((link) => link.slot)];
  return state?.type === 'physical' && isSelected(slot) && !upstream.includes(name);
}

/** A physical slot is made when its ownership says that it is one, and only to keep WAL for a reader that the primary keeps some for. */
export function checkPhysicalMaking(slot: SlotFacts): readonly Check[] {
  const { here, owned, state } = slot;
  return [
    [here === undefined, 'a slot of that name is here'],
    [isPhysicalToBeHere(slot), 'the slot is not to be here'],
    [
      state !== undefined && !isInvalidated(state) && state.restartLsn !== undefined,
      'it keeps no WAL on the primary',
    ],
    [isOfPresent(slot) && owned?.physical === true, 'its ownership is not on record'],
  ];
}

/** WAL is let go of only when the reader has confirmed it on the primary, as far as that had it, and as far as it is replayed here. */
export function checkPhysicalMove(
  { target }: Extract<SlotAction, { kind: 'advance_physical' }>,
  slot: SlotFacts,
): readonly Check[] {
  const { here, owned, state, event, input } = slot;
  const from = here?.restartLsn;
  const isConfirmedThere = isUpTo(target, state?.restartLsn) && isUpTo(target, event?.lsn);
  return [
    [here?.type === 'physical' && owned?.physical === true, "no physical slot of slotcast's is here"],
    [here !== undefined && !isInvalidated(here), 'it is invalidated here'],
    [here?.active !== true, 'somebody streams through it'],
    [isUpTo(from, target), 'it would go backwards'],
    [from === target || isUpTo(target, input.replayLsn), 'it would go past replay'],
    [
      from === target || (state?.type === 'physical' && isConfirmedThere),
      'its reader may still need that WAL',
    ],
    [from === target || isOfPresent(slot), 'it is of another incarnation'],
  ];
}

/** What is recorded of a physical slot makes it slotcast's to move and to drop: nothing that stands under the name may become so. */
export function checkOwnPhysical(
  ownership: Extract<SlotAction, { kind: 'own' }>['ownership'],
  slot: SlotFacts,
): readonly Check[] {
  const { here, owned, event, state, input } = slot;
  const { incarnation, lineage, proven, highestLsn } = ownership;
  return [
    [here === undefined || owned?.physical === true, "a slot is here that is not slotcast's"],
    [state?.type === 'physical', 'it is no physical slot on the primary'],
    [
      event !== undefined &&
        incarnation.epoch === event.incarnation.epoch &&
        incarnation.seq === event.incarnation.seq &&
        lineage === input.manifest.lineage,
      'it is of another incarnation or topic',
    ],
    [proven && highestLsn === undefined, 'it is not recorded as a physical slot is'],
  ];
}
