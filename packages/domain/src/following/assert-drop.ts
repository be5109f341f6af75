import { databaseKey, databaseOf } from '../vocabulary/slot-database.ts';
import { sameIncarnation } from '../vocabulary/slot-event.ts';
import { isLeadingSlot, type SlotName } from '../vocabulary/slot-name.ts';
import { isInvalidated, isLogical, type LocalSlot, sameIdentity } from '../vocabulary/slot-state.ts';
import { isSourceFor, isUsableSource } from './assert-making.ts';
import { isKeptAside, isOfOrphan, isOrphanedCopy, isToldOf, isUselessCopy } from './assert-orphan.ts';
import { isPhysicalToBeHere } from './assert-physical.ts';
import {
  type Check,
  isConfirmed,
  isNative,
  isOfPresent,
  isSelected,
  isToBeHere,
  isUpTo,
  placeOf,
  type SlotFacts,
} from './plan-facts.ts';

/** A slot is dropped only where something speaks for it that is on record. */
export function checkDrop(slot: SlotFacts): readonly Check[] {
  const isStreamed = slot.here?.type === 'physical' && slot.here.active;
  return [[!isStreamed, 'somebody streams through it'], ...checkGround(slot)];
}

function checkGround(slot: SlotFacts): readonly Check[] {
  const { here, owned, input } = slot;
  if (owned === undefined) {
    return [
      [here !== undefined, 'it is not here'],
      [input.policy.onConflict === 'replace', "it is not slotcast's"],
      [isToBeHere(slot), 'nothing is to be made in its place'],
    ];
  }
  if (isOrphanedCopy(slot)) {
    return [
      [here !== undefined, 'it is not here'],
      [
        isUselessCopy(slot) || isKeptAside(slot),
        'it may be the last copy of a slot that nobody has seen dropped, and nobody has forgotten',
      ],
    ];
  }
  const isExtra = isNeededNoMore(slot);
  const isOfNoUse = isNative(slot) || isLostThere(slot) || (!isExtra && isAtFault(slot));
  return [
    [here !== undefined, 'it is not here'],
    [isOfNoUse || isExtra, 'it is a sound copy of a slot that is wanted'],
    [isOfNoUse || input.policy.dropExtraSlots, 'SLOTCAST_DROP_EXTRA_SLOTS=false keeps it'],
    [isToldOf(slot), 'the list of slots that goes with what happened on the primary has not come yet'],
  ];
}

/** Ownership is given up only of what is not here, and is not to be. */
export function checkRelease(slot: SlotFacts): readonly Check[] {
  const isSynced = isLogical(slot.here) && slot.here.synced;
  return [
    [slot.owned !== undefined, "it is not slotcast's"],
    [slot.here === undefined || isSynced, 'it is here'],
    [
      isSynced ||
        isNative(slot) ||
        isLostThere(slot) ||
        isNeededNoMore(slot) ||
        isOrphanedCopy(slot) ||
        isOfOrphan(slot),
      'the slot is wanted here, and would be made again',
    ],
  ];
}

function isLostThere({ state }: SlotFacts): boolean {
  return state !== undefined && isInvalidated(state);
}

/** It is gone from the primary, by an event or a newer list that replay has reached; is a physical slot there that is not carried; or is not selected, beyond doubt. */
function isNeededNoMore(slot: SlotFacts): boolean {
  const { name, event, state, listed, owned, input } = slot;
  if (event === undefined) {
    const ahead = input.waiting.get(name)?.oldest;
    const comes =
      ahead !== undefined &&
      owned?.lineage === input.manifest.lineage &&
      sameIncarnation(ahead.incarnation, owned.incarnation);
    return !listed && !comes;
  }
  const isCarried = state?.type === 'physical' ? isPhysicalToBeHere(slot) : state !== undefined;
  return !isCarried || !isSelected(slot) || isOfOrphan(slot);
}

/** What stands here is not the slot that is wanted, or would not serve its subscriber. */
function isAtFault(slot: SlotFacts): boolean {
  const { name, here, state, owned, furthest, input } = slot;
  if (here === undefined || owned === undefined || state === undefined) {
    return false;
  }
  if (!sameIdentity(here, state)) {
    return true;
  }
  if (owned.lineage !== input.manifest.lineage) {
    return false;
  }
  const { oldestWalLsn } = input.limits;
  const lacksWal =
    input.held.get(name)?.cause === 'missing_wal' ||
    (here.restartLsn !== undefined && oldestWalLsn !== undefined && here.restartLsn < oldestWalLsn);
  if (here.type === 'physical') {
    // One that was made anew on the primary needs no other copy, and no more WAL than it keeps can be had.
    return isInvalidated(here) || lacksWal;
  }
  if (!isOfPresent(slot) || isInvalidated(here) || lacksWal) {
    return true;
  }
  if (!owned.proven) {
    return isLogical(here) && here.twoPhase ? !hasPassed(slot, here) : isReplaceable(slot);
  }
  const isBeyond = owned.highestLsn !== undefined && !isUpTo(placeOf(here), furthest);
  // Where it stands speaks against it only while the primary is known to have what it can be made from.
  return isBeyond && input.isSuperseded !== true;
}

/** One that its subscriber has passed only waits to be proven. */
function hasPassed(slot: SlotFacts, { confirmedFlushLsn: position }: LocalSlot): boolean {
  const { state, event } = slot;
  const isPlausible = isUpTo(state?.confirmedFlushLsn, event?.lsn);
  return position !== undefined && isPlausible && isConfirmed(position, slot);
}

/** A sound one can be made at once. */
function isReplaceable(slot: SlotFacts): boolean {
  const { state, input } = slot;
  const probe = isLogical(state) ? input.probes.get(databaseKey(databaseOf(state))) : undefined;
  return (
    probe?.consistentPoint !== undefined &&
    probe.pin === undefined &&
    isConfirmed(probe.consistentPoint, slot)
  );
}

/** A leading slot goes only when no slot is missing that may be made from it. */
export function checkIdleLeader(leader: SlotFacts, factsOn: (name: SlotName) => SlotFacts): readonly Check[] {
  const { name, here, input } = leader;
  const missing = [...input.ownership].flatMap(([slot, { remaking }]) =>
    remaking === true ? [factsOn(slot)] : [],
  );
  return [
    [isLeadingSlot(name) && here !== undefined, 'it is no leading slot'],
    [input.remaking?.leaders.has(name) !== true, 'slots are being made from it'],
    [
      here === undefined || !missing.some((slot) => slot.here === undefined && mayBeMadeFrom(here, slot)),
      'a slot is missing that may be made from it',
    ],
  ];
}

/** As long as news of the missing slot waits for replay, nobody knows. */
function mayBeMadeFrom(leader: LocalSlot, slot: SlotFacts): boolean {
  return slot.event === undefined || slot.input.waiting.has(slot.name)
    ? isUsableSource(leader)
    : isSourceFor(leader, slot);
}
