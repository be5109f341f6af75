import type { Lsn } from '../vocabulary/lsn.ts';
import { isUsableFromBehind, type Ownership } from '../vocabulary/node-status.ts';
import { databaseOf, sameDatabase } from '../vocabulary/slot-database.ts';
import { isLeadingSlot, type SlotName } from '../vocabulary/slot-name.ts';
import {
  isInvalidated,
  isLogical,
  type LocalLogicalSlot,
  type LocalSlot,
  type LogicalSlotState,
  xidPrecedesOrEquals,
} from '../vocabulary/slot-state.ts';
import { judgePlace } from './copy-place.ts';
import type { PlanInput } from './plan-input.ts';
import type { WaveSource } from './restart-work.ts';
import type { SlotVerdict } from './slot-verdict.ts';

/** True for a leading slot that another slot can be a copy of. */
export function isUsableLeader(slot: LocalSlot): slot is LocalLogicalSlot {
  return (
    isLeadingSlot(slot.name) &&
    isLogical(slot) &&
    !slot.temporary &&
    !slot.twoPhase &&
    !isInvalidated(slot) &&
    slot.confirmedFlushLsn !== undefined &&
    slot.restartLsn !== undefined
  );
}

/** What slots can be made anew from, where it is a leading slot that they can be copies of. */
export function waveSourceOf(slot: LocalSlot): WaveSource | undefined {
  const { name, restartLsn, confirmedFlushLsn: position } = slot;
  return isUsableLeader(slot) && restartLsn !== undefined && position !== undefined
    ? { slot: name, database: databaseOf(slot), plugin: slot.plugin, restartLsn, position }
    : undefined;
}

/**
 * Whether the primary holds the catalog rows that a leading slot needs, as it holds them for a slot that needs rows as old: the standby asks it for the oldest of all. Of one that is no copy of
 * another slot nothing else tells that before the primary is seen to do so.
 */
export function isPinnedWithOthers(
  leader: LocalSlot,
  others: { readonly local: readonly LocalSlot[]; readonly verdicts: readonly SlotVerdict[] },
): boolean {
  const pinned = new Set(
    others.verdicts
      .filter(({ sound, state }) => sound === true && (state === 'ready' || isUsableFromBehind(state)))
      .map(({ slot }) => slot),
  );
  const { catalogXmin: needed } = leader;
  return (
    needed !== undefined &&
    !isInvalidated(leader) &&
    others.local.some(
      ({ name, catalogXmin }) =>
        pinned.has(name) && catalogXmin !== undefined && xidPrecedesOrEquals(catalogXmin, needed),
    )
  );
}

/**
 * The leading slot from which to make a slot that is missing since it was to be made anew: the furthest one of its database that stands nowhere
 * beyond what the slot's subscriber was seen to have confirmed. A copy of it decodes all that the subscriber lacks, as it has decoded up to there
 * itself, and started with a slot that was sound. `undefined` when there is none, or the slot was not to be made anew.
 */
export function leaderFor(
  local: readonly LocalSlot[],
  missing: {
    readonly state: LogicalSlotState;
    readonly owned: Ownership;
    readonly furthest: Lsn | undefined;
  },
): LocalLogicalSlot | undefined {
  const { state, owned, furthest } = missing;
  if (owned.remaking !== true || !owned.proven || state.twoPhase) {
    return undefined;
  }
  const known = { furthest, recorded: owned.highestLsn };
  return local
    .filter(isUsableLeader)
    .filter(
      (slot) => sameDatabase(databaseOf(slot), databaseOf(state)) && judgePlace(slot, known).kind === 'sound',
    )
    .reduce<LocalLogicalSlot | undefined>(
      (best, slot) =>
        (best?.confirmedFlushLsn ?? 0n) >= (slot.confirmedFlushLsn ?? 0n) ? (best ?? slot) : slot,
      undefined,
    );
}

/**
 * Leading slots that nothing is to be made from any more; they hold back WAL and vacuum. One stays as long as a slot is missing that was to be made
 * anew, and may be made from it. A slot that got lost with all that it could be made from keeps none: its subscriber may be silent for ever, and each wave would leave
 * another one.
 */
export function findIdleLeaders(
  input: Pick<PlanInput, 'desired' | 'furthest' | 'waiting' | 'local' | 'ownership' | 'remaking' | 'held'>,
  here: ReadonlyMap<SlotName, LocalSlot>,
): SlotName[] {
  const { local, ownership, remaking, held } = input;
  const missing = [...ownership].filter(([name, owned]) => owned.remaking === true && !here.has(name));
  return (
    local
      .filter((slot) => isLeadingSlot(slot.name) && !slot.temporary)
      .filter((slot) => !missing.some(([name, owned]) => mayServe(input, slot, { name, owned })))
      .map(({ name }) => name)
      // One that a killed session still decodes with cannot be dropped for a while.
      .filter((name) => remaking?.leaders.has(name) !== true && held.get(name)?.pausing !== true)
  );
}

/** Whether a slot that is missing can be made from the leading one, or it is not known yet: a crash sets replay back, and what was published waits for it again. */
function mayServe(
  { desired, furthest, waiting }: Pick<PlanInput, 'desired' | 'furthest' | 'waiting'>,
  leader: LocalSlot,
  { name, owned }: { readonly name: SlotName; readonly owned: Ownership },
): boolean {
  const event = desired.get(name);
  if (event === undefined || waiting.has(name)) {
    return isUsableLeader(leader);
  }
  const { state } = event;
  return (
    isLogical(state) && leaderFor([leader], { state, owned, furthest: furthest.get(name) }) !== undefined
  );
}
