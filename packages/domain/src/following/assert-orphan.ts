import { orphanName } from '../vocabulary/kept-name.ts';
import type { Ownership } from '../vocabulary/node-status.ts';
import { databaseOf, sameDatabase } from '../vocabulary/slot-database.ts';
import { type OrphanedSlot, sameIncarnation } from '../vocabulary/slot-event.ts';
import { isInvalidated, isLogical } from '../vocabulary/slot-state.ts';
import { type Check, isToBeHere, isUpTo, type SlotFacts } from './plan-facts.ts';
import type { SlotAction } from './slot-verdict.ts';

/** What is here is a copy of a slot that the primary does not have, and that nobody saw dropped. */
export function isOrphanedCopy({ owned, here, input }: SlotFacts): boolean {
  return (
    here !== undefined && owned?.lineage === input.manifest.lineage && orphanOf(owned, input) !== undefined
  );
}

/** What was published of the slot is of one that the primary does not have. */
export function isOfOrphan({ event, input }: SlotFacts): boolean {
  return event !== undefined && orphanOf(event, input) !== undefined;
}

/** It could not serve its subscriber, wherever it stood. */
export function isUselessCopy({ name, here, owned, input }: SlotFacts): boolean {
  const { oldestWalLsn } = input.limits;
  const isSound =
    isLogical(here) &&
    !isInvalidated(here) &&
    here.confirmedFlushLsn !== undefined &&
    (owned?.proven === true ||
      !here.twoPhase ||
      (here.plugin === 'pgoutput' && isUpTo(here.confirmedFlushLsn, owned?.highestLsn))) &&
    (here.restartLsn === undefined || oldestWalLsn === undefined || here.restartLsn >= oldestWalLsn);
  return !isSound || input.held.get(name)?.cause === 'missing_wal';
}

/** A copy of it stands under its other name, is slotcast's, and skips nothing that this one would not skip. */
export function isKeptAside({ name, here, owned, input }: SlotFacts): boolean {
  const orphan = owned && orphanOf(owned, input);
  const copy = orphan && orphanName(name, orphan.incarnation);
  const kept = input.local.find((slot) => slot.name === copy && !slot.temporary);
  const ownedCopy = copy && input.ownership.get(copy);
  return (
    orphan !== undefined &&
    ownedCopy !== undefined &&
    sameIncarnation(ownedCopy.incarnation, orphan.incarnation) &&
    isLogical(kept) &&
    !isInvalidated(kept) &&
    kept.confirmedFlushLsn !== undefined &&
    here?.confirmedFlushLsn !== undefined &&
    kept.confirmedFlushLsn <= here.confirmedFlushLsn &&
    sameDatabase(databaseOf(kept), databaseOf(here))
  );
}

/** The slot that has the name now was made before the list of all slots was written, which says what that means for a copy of an earlier slot. */
export function isToldOf({ event, owned, input }: SlotFacts): boolean {
  if (event === undefined || owned === undefined || sameIncarnation(event.incarnation, owned.incarnation)) {
    return true;
  }
  const { epoch, seq } = event.incarnation;
  const { manifest } = input;
  return epoch < manifest.epoch || (epoch === manifest.epoch && seq < manifest.seq);
}

/** The name is one under which a copy of an orphaned slot is to be kept. */
export function isForAside(ownership: Ownership, { name, input }: SlotFacts): boolean {
  const orphan = orphanOf(ownership, input);
  return orphan !== undefined && name === orphanName(orphan.name, orphan.incarnation);
}

export function checkOwnAside(ownership: Ownership, { here, owned, input }: SlotFacts): readonly Check[] {
  const orphan = orphanOf(ownership, input);
  const source = orphan && input.ownership.get(orphan.name);
  return [
    [here === undefined, 'a slot of that name is here'],
    [owned === undefined || orphanOf(owned, input) === undefined, 'it is on record already'],
    [
      source !== undefined &&
        source.lineage === ownership.lineage &&
        sameIncarnation(source.incarnation, ownership.incarnation) &&
        source.proven === ownership.proven &&
        source.highestLsn === ownership.highestLsn,
      'it is not what is on record of the copy',
    ],
  ];
}

/** A copy gives up its name only for a slot that is to be made there, and only for a name that is on record as its own. */
export function checkSetAside(
  action: Extract<SlotAction, { kind: 'set_aside' }>,
  slot: SlotFacts,
): readonly Check[] {
  const { name, here, owned, input } = slot;
  const orphan = owned && orphanOf(owned, input);
  const ownedCopy = input.ownership.get(action.copy);
  return [
    [isOrphanedCopy(slot) && !isUselessCopy(slot), 'it is no copy that has to be kept'],
    [isToBeHere(slot) && !isOfOrphan(slot), 'nothing is to be made in its place'],
    [
      orphan !== undefined && action.copy === orphanName(name, orphan.incarnation),
      'it is not the name for that copy',
    ],
    [
      ownedCopy !== undefined &&
        orphan !== undefined &&
        sameIncarnation(ownedCopy.incarnation, orphan.incarnation),
      "the name is not on record as slotcast's",
    ],
    [!input.local.some((other) => other.name === action.copy), 'a slot of that name is here'],
    [
      isLogical(here) && here.plugin === action.plugin && sameDatabase(databaseOf(here), action.database),
      'no such slot is here',
    ],
  ];
}

function orphanOf(
  { incarnation }: Pick<Ownership, 'incarnation'>,
  { manifest }: SlotFacts['input'],
): OrphanedSlot | undefined {
  return manifest.orphans?.find((orphan) => sameIncarnation(orphan.incarnation, incarnation));
}
