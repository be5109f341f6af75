import { reason, reasonText } from '../reasons/reason.ts';
import { findOrphan, orphansOf } from '../topics/orphaned-slots.ts';
import { isMissing } from '../topics/published-line.ts';
import { orphanName } from '../vocabulary/kept-name.ts';
import type { Ownership } from '../vocabulary/node-status.ts';
import type { Reason } from '../vocabulary/reason.ts';
import { databaseOf } from '../vocabulary/slot-database.ts';
import {
  type Incarnation,
  type Manifest,
  type OrphanedSlot,
  sameIncarnation,
} from '../vocabulary/slot-event.ts';
import type { SlotName } from '../vocabulary/slot-name.ts';
import { isInvalidated, isLogical, type LocalLogicalSlot, type LocalSlot } from '../vocabulary/slot-state.ts';
import { judgePin } from './catalog-pin.ts';
import { judgePlace, placeReasons } from './copy-place.ts';
import { isUpTo } from './plan-facts.ts';
import type { PlanInput, Subject } from './plan-input.ts';
import { leaderFor } from './restart-leader.ts';
import { findLimit, lacksWal } from './slot-limits.ts';
import { type SlotVerdict, verdict } from './slot-verdict.ts';
import { copyBecomesTwoPhase } from './two-phase-proof.ts';

/** A copy of an orphaned slot that gives its name to the slot that lives on the primary. */
interface SetAside {
  readonly slot: SlotName;
  readonly orphan: OrphanedSlot;
  readonly owned: Ownership;
  readonly local: LocalLogicalSlot;
}

/** By the names that the copies are to have. */
export type SetAsides = ReadonlyMap<SlotName, SetAside>;

const none: SetAsides = new Map();

/** The copies here whose name a slot of the primary needs, which is to be followed here. */
export function findSetAsides(input: PlanInput, local: ReadonlyMap<SlotName, LocalSlot>): SetAsides {
  if (orphansOf(input.manifest).length === 0) {
    return none;
  }
  return new Map(
    [...input.ownership].flatMap(([slot, owned]): [SlotName, SetAside][] => {
      const here = local.get(slot);
      const orphan = orphanOfCopy(input, owned);
      const isKept = orphan !== undefined && isLogical(here) && isServable(input, owned, here);
      return isKept && isNameWanted(input, slot, orphan)
        ? [[orphanName(slot, orphan.incarnation), { slot, orphan, owned, local: here }]]
        : [];
    }),
  );
}

/**
 * What becomes of a copy whose slot the primary does not have, and of what the topic says of such a slot: a copy that could serve is kept where it stands,
 * without a step, until the slot is forgotten. `undefined` where nothing here is of an orphaned slot.
 */
export function planOrphan(
  input: PlanInput,
  subject: Subject,
  setAsides: SetAsides,
): SlotVerdict | undefined {
  const { name, owned, local } = subject;
  const place = setAsides.get(name);
  if (place !== undefined && local === undefined) {
    return placeFor(subject, place);
  }
  if (isUntold(input, subject)) {
    return verdict(subject, 'catching_up', [reason('waits_manifest')]);
  }
  const orphan = owned && orphanOfCopy(input, owned);
  if (owned === undefined || orphan === undefined) {
    return planWithoutCopy(input, subject);
  }
  if (!isLogical(local)) {
    return isNameWanted(input, name, orphan) ? undefined : planLostCopy(input, subject, owned);
  }
  const why = [keptReason(orphan)];
  if (!isServable(input, owned, local)) {
    const useless = [reason('orphan_useless'), ...why];
    return isNameWanted(input, name, orphan)
      ? undefined
      : verdict(subject, 'absent', useless, { kind: 'drop', slot: name, reason: reasonText(useless) });
  }
  const copy = orphanName(name, orphan.incarnation);
  if (setAsides.has(copy)) {
    return setAside(input, subject, { copy, local, orphan });
  }
  return {
    ...verdict(subject, 'absent', [...why, ...doubtsOf(input, subject, owned, local)]),
    orphaned: true,
  };
}

/** The list was written after that slot was made, so it says what became of those that had its name before. */
function isTold(manifest: Manifest, made: Incarnation): boolean {
  return manifest.epoch === made.epoch ? manifest.seq > made.seq : manifest.epoch > made.epoch;
}

/** Another slot has the name, and the list that says what that means for the copy here has not come yet: it is committed with that slot's first event. */
function isUntold({ manifest }: PlanInput, { event, owned, local }: Subject): boolean {
  return (
    event !== undefined &&
    owned !== undefined &&
    local !== undefined &&
    owned.lineage === manifest.lineage &&
    !sameIncarnation(event.incarnation, owned.incarnation) &&
    !isTold(manifest, event.incarnation)
  );
}

/** True for an event of a slot that the primary does not have. */
function isOfOrphan({ manifest }: PlanInput, { event }: Subject): boolean {
  return event !== undefined && findOrphan(orphansOf(manifest), event.incarnation) !== undefined;
}

function planWithoutCopy(input: PlanInput, subject: Subject): SlotVerdict | undefined {
  const { owned, event, name, local } = subject;
  if (event === undefined || event.op === 'drop' || !isOfOrphan(input, subject)) {
    return undefined;
  }
  const why = [reason('orphaned_elsewhere')];
  if (owned === undefined) {
    return verdict(subject, 'absent', why);
  }
  // It is of a slot before the one that is orphaned, which was dropped; or of another topic, in which case nobody has said so.
  const isDropped = owned.lineage === input.manifest.lineage && input.policy.dropExtraSlots;
  return verdict(
    subject,
    'absent',
    why,
    local === undefined
      ? { kind: 'release', slot: name }
      : isDropped
        ? { kind: 'drop', slot: name, reason: reasonText(why) }
        : undefined,
  );
}

/** A copy that was being made anew when its slot was orphaned is made from the leading one. */
function planLostCopy(input: PlanInput, subject: Subject, owned: Ownership): SlotVerdict {
  const { name, event } = subject;
  const state = event?.state;
  const isOfEvent = event !== undefined && sameIncarnation(event.incarnation, owned.incarnation);
  const leader =
    isOfEvent && isLogical(state)
      ? leaderFor(input.local, { state, owned, furthest: input.furthest.get(name) })
      : undefined;
  if (leader === undefined || !isLogical(state)) {
    return verdict(subject, 'absent', [reason('orphaned_elsewhere')], { kind: 'release', slot: name });
  }
  return verdict(subject, 'absent', [reason('restoring', { leader: leader.name })], {
    kind: 'restore',
    slot: name,
    database: databaseOf(state),
    plugin: state.plugin,
    leader: leader.name,
  });
}

/** The name that a copy is to have: owned before anything stands under it. */
function placeFor(subject: Subject, { orphan, owned }: SetAside): SlotVerdict {
  const why = [keptReason(orphan)];
  const isOwned =
    subject.owned !== undefined && sameIncarnation(subject.owned.incarnation, owned.incarnation);
  if (isOwned) {
    return verdict(subject, 'catching_up', why);
  }
  const { remaking: _, ...ownership } = owned;
  return verdict(subject, 'catching_up', why, { kind: 'own', slot: subject.name, ownership });
}

/** Copied first, and dropped only when the copy is there. */
function setAside(
  input: PlanInput,
  subject: Subject,
  kept: { readonly copy: SlotName; readonly local: LocalLogicalSlot; readonly orphan: OrphanedSlot },
): SlotVerdict {
  const { name } = subject;
  const { copy, local, orphan } = kept;
  const why = [reason('kept_aside', { copy }), keptReason(orphan)];
  const owned = input.ownership.get(copy);
  const isOwned = owned !== undefined && sameIncarnation(owned.incarnation, orphan.incarnation);
  const isThere = input.local.some((slot) => slot.name === copy);
  if (isThere && !isOwned) {
    return verdict(subject, 'blocked', [reason('aside_name_taken', { copy })]);
  }
  if (isThere) {
    return verdict(subject, 'catching_up', why, { kind: 'drop', slot: name, reason: reasonText(why) });
  }
  return verdict(
    subject,
    'catching_up',
    why,
    isOwned
      ? { kind: 'set_aside', slot: name, copy, database: databaseOf(local), plugin: local.plugin }
      : undefined,
  );
}

function orphanOfCopy({ manifest }: PlanInput, owned: Ownership): OrphanedSlot | undefined {
  return owned.lineage === manifest.lineage ? findOrphan(orphansOf(manifest), owned.incarnation) : undefined;
}

/** Worth keeping: not what can never be served, nor what was never safe to use and may skip changes. A copy that waits only for prepared transactions stands where its subscriber was seen, and is kept at a promotion as well. */
function isServable(input: PlanInput, owned: Ownership, local: LocalLogicalSlot): boolean {
  const mayWait = copyBecomesTwoPhase(local.plugin) && isUpTo(local.confirmedFlushLsn, owned.highestLsn);
  const isUnproven = local.twoPhase && !owned.proven && !mayWait;
  return (
    !isInvalidated(local) &&
    local.confirmedFlushLsn !== undefined &&
    !isUnproven &&
    !lacksWal(local, input.limits) &&
    input.held.get(local.name)?.cause !== 'missing_wal'
  );
}

/**
 * Why a copy that is kept may not give its subscriber all that it lacks: it stands beyond what that was seen to confirm, the next checkpoint takes it, or catalog rows that it needs are not
 * held back. It is kept all the same, as none can be made anew, and a person has to know.
 */
function doubtsOf(
  input: PlanInput,
  { name, event }: Subject,
  owned: Ownership,
  local: LocalLogicalSlot,
): readonly Reason[] {
  const isOfEvent = event !== undefined && sameIncarnation(event.incarnation, owned.incarnation);
  const furthest = isOfEvent ? input.furthest.get(name) : undefined;
  const place = judgePlace(local, { furthest, recorded: owned.highestLsn });
  const limit = findLimit(local, input.limits, input.endOfWal);
  const pin = judgePin(input.pin, local.catalogXmin);
  return [
    ...placeReasons(place),
    ...(limit === undefined ? [] : [limit]),
    ...(pin.kind === 'blocked' ? pin.reasons : []),
  ];
}

/** A slot of that name lives on the primary, is another one, and is to be followed here. */
function isNameWanted(input: PlanInput, name: SlotName, { incarnation }: OrphanedSlot): boolean {
  const event = input.desired.get(name);
  const { manifest } = input;
  if (event === undefined || event.op === 'drop' || sameIncarnation(event.incarnation, incarnation)) {
    return false;
  }
  const isListed = manifest.slots.some((slot) => slot.name === name);
  const { state } = event;
  return (
    isListed &&
    !isMissing({ manifest, listed: isListed }, event) &&
    isTold(manifest, event.incarnation) &&
    isLogical(state) &&
    !isInvalidated(state) &&
    !(state.failover && input.syncReplicationSlots) &&
    input.policy.wanted(state)
  );
}

function keptReason({ name, since, cause }: OrphanedSlot) {
  return reason('orphaned', { slot: name, since, cause });
}
