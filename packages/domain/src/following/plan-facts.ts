import { isCanary } from '../vocabulary/canary-slot.ts';
import { type Lsn, laterLsn } from '../vocabulary/lsn.ts';
import type { Ownership } from '../vocabulary/node-status.ts';
import { type SlotEvent, sameIncarnation } from '../vocabulary/slot-event.ts';
import type { SlotName } from '../vocabulary/slot-name.ts';
import { isInvalidated, isLogical, type LocalSlot, type SlotState } from '../vocabulary/slot-state.ts';
import type { PlanInput } from './plan-input.ts';

/** What is checked before a step is taken: whether it holds, and what is wrong where it does not. */
export type Check = readonly [holds: boolean, fault: string];

/** A step with all that is wrong with it; none when every check holds. */
export function violationOf<const Step extends string>(
  slot: SlotName,
  step: Step,
  checks: readonly Check[],
): { readonly slot: SlotName; readonly step: Step; readonly reason: string }[] {
  const faults = checks.filter(([holds]) => !holds).map(([, fault]) => fault);
  return faults.length === 0 ? [] : [{ slot, step, reason: faults.join('; ') }];
}

/** What the input of a plan says of one slot, put together by other code than the plan's. */
export interface SlotFacts {
  readonly name: SlotName;
  readonly input: PlanInput;
  readonly event: SlotEvent | undefined;
  /** As it is on the primary at this server's point in WAL; absent when it is not there. */
  readonly state: SlotState | undefined;
  /** The manifest names it. */
  readonly listed: boolean;
  /** The lasting slot under that name. */
  readonly here: LocalSlot | undefined;
  readonly owned: Ownership | undefined;
  /** The furthest that the subscriber is known to have confirmed, by events or by what the ownership kept of them. */
  readonly furthest: Lsn | undefined;
  /** The filter is not believed before it is confirmed. */
  readonly isFilterDoubted: boolean;
}

/** The facts of each slot of a plan, with what they share looked up once. */
export function factsOf(input: PlanInput, isFilterDoubted: boolean): (name: SlotName) => SlotFacts {
  const local = new Map(input.local.filter((slot) => !slot.temporary).map((slot) => [slot.name, slot]));
  const named = new Set(input.manifest.slots.map((slot) => slot.name));
  return (name) => {
    const event = input.desired.get(name);
    const here = local.get(name);
    const owned = recordedOf(here, input.ownership.get(name));
    const listed = named.has(name);
    const isThere = event !== undefined && event.op !== 'drop' && (listed || !isOlder(event, input));
    return {
      name,
      input,
      event,
      state: isThere ? event.state : undefined,
      listed,
      here,
      owned,
      furthest: laterLsn(input.furthest.get(name), owned?.highestLsn),
      isFilterDoubted,
    };
  };
}

/** A record of a logical slot says nothing of a physical one that has its name, nor the other way round; and no record is of a slot that keeps no WAL. */
function recordedOf(here: LocalSlot | undefined, recorded: Ownership | undefined): Ownership | undefined {
  const isOfKind = (here?.type === 'physical') === (recorded?.physical === true);
  const isPlaceholding = here?.type === 'physical' && here.restartLsn === undefined && !isInvalidated(here);
  return here === undefined || (isOfKind && !isPlaceholding) ? recorded : undefined;
}

/** By `(timeline, epoch, seq)`, as compaction may have removed the drop of a slot. */
function isOlder(event: SlotEvent, { manifest }: PlanInput): boolean {
  if (event.timeline !== manifest.timeline) {
    return event.timeline < manifest.timeline;
  }
  return event.epoch === manifest.epoch ? event.seq < manifest.seq : event.epoch < manifest.epoch;
}

/** It is slotcast's, of the present incarnation of the slot, and of this topic. */
export function isOfPresent({ event, owned, input }: SlotFacts): boolean {
  return (
    owned !== undefined &&
    event !== undefined &&
    owned.lineage === input.manifest.lineage &&
    sameIncarnation(owned.incarnation, event.incarnation)
  );
}

/** PostgreSQL's own slot synchronisation keeps it. */
export function isNative({ state, input }: SlotFacts): boolean {
  return input.syncReplicationSlots && isLogical(state) && state.failover;
}

/** The filter selects it; while the filter is in doubt, a copy that is here counts as selected. */
export function isSelected({ state, here, owned, input, isFilterDoubted }: SlotFacts): boolean {
  if (state === undefined || input.policy.wanted(state)) {
    return state !== undefined;
  }
  return isFilterDoubted && here !== undefined && owned !== undefined && !isCanary(state);
}

/** It is to be here: live and valid on the primary, selected, and not left to PostgreSQL. */
export function isToBeHere(slot: SlotFacts): boolean {
  const { state } = slot;
  return state?.type === 'logical' && !isInvalidated(state) && !isNative(slot) && isSelected(slot);
}

/** The subscriber has confirmed the position, and the server that said so had WAL up to there. */
export function isConfirmed(position: Lsn, { state, event }: SlotFacts): boolean {
  return isUpTo(position, state?.confirmedFlushLsn) && isUpTo(position, event?.lsn);
}

export function isUpTo(position: Lsn | undefined, limit: Lsn | undefined): boolean {
  return position !== undefined && limit !== undefined && position <= limit;
}

/** Where a slot stands, by whichever of its positions is further on. */
export function placeOf({ confirmedFlushLsn, restartLsn }: LocalSlot): Lsn | undefined {
  return laterLsn(confirmedFlushLsn, restartLsn);
}
