import { reason } from '../reasons/reason.ts';
import { MapDraft } from '../topics/map-draft.ts';
import { isMissing, listedSlots } from '../topics/published-line.ts';
import type { Reason } from '../vocabulary/reason.ts';
import { databaseKey, databaseOf } from '../vocabulary/slot-database.ts';
import { confirmedWithin } from '../vocabulary/slot-event.ts';
import { isOwnWorkingSlot, type SlotName } from '../vocabulary/slot-name.ts';
import { isInvalidated, isLogical, type LocalSlot } from '../vocabulary/slot-state.ts';
import { type FilterDoubt, findFilterDoubt } from './filter-doubt.ts';
import { isOfNoConcern, ownershipOf } from './physical-copy.ts';
import { keptAlive } from './plan-alive.ts';
import { planGone, planInvalidated, planUnknown } from './plan-gone.ts';
import type { PlanInput, Subject } from './plan-input.ts';
import { planMissing } from './plan-missing.ts';
import { planNative } from './plan-native.ts';
import { findSetAsides, planOrphan, type SetAsides } from './plan-orphan.ts';
import { asPhysical, planPhysical } from './plan-physical.ts';
import { planPresent } from './plan-present.ts';
import { findIdleLeaders } from './restart-leader.ts';
import { asResting, isStillAtRest, mayStillRest, type RestingSlots } from './resting-slots.ts';
import { withinCapacity } from './slot-capacity.ts';
import { withHold } from './slot-hold.ts';
import { type SlotVerdict, verdict } from './slot-verdict.ts';

export interface Plan {
  readonly verdicts: readonly SlotVerdict[];
  /** Databases whose probe no slot needs any more, by `databaseKey`. */
  readonly idleProbes: readonly string[];
  /** Leading slots that are needed no more. */
  readonly idleLeaders: readonly SlotName[];
  /** The anchor has done its work, or is of no use any more. */
  readonly idleAnchor: boolean;
  /** Why the filter is not believed before it is confirmed. */
  readonly filterDoubt?: Reason | undefined;
  /** For the next plan. */
  readonly resting?: RestingSlots | undefined;
}

/**
 * The next step of every slot. Each verdict has at most one action; the caller carries it out, looks again and plans
 * again, so a crash between any two steps ends in the same place. `before`: what the last plan left; with it, or without, the plan is the same.
 */
export function plan(given: PlanInput, before?: RestingSlots): Plan {
  const doubt = findFilterDoubt(given);
  const input = doubt === undefined ? given : retaining(given, doubt);
  const local = new Map(input.local.filter((slot) => !slot.temporary).map((slot) => [slot.name, slot]));
  const setAsides = findSetAsides(input, local);
  const names = new Set<SlotName>([...input.desired.keys(), ...input.ownership.keys(), ...setAsides.keys()]);
  const listed = listedSlots(input.manifest);
  const unreadable = new Map((input.unreadable ?? []).map((each) => [each.slot, each.reason]));
  const sorted = inOrder(names, before);
  const resting = new MapDraft(mayStillRest(before, input));
  const verdicts: SlotVerdict[] = [];
  for (const name of sorted) {
    const event = input.desired.get(name);
    const here = local.get(name);
    const owned = ownershipOf(here, input.ownership.get(name));
    const subject = { name, event, local: here, owned, listed: listed.has(name) };
    if (!isOwnWorkingSlot(name) && !isOfNoConcern(input, subject)) {
      const why = unreadable.get(name);
      const atRest = resting.map.get(name);
      if (atRest !== undefined && why === undefined && isStillAtRest(atRest, input, subject)) {
        verdicts.push(atRest.verdict);
        continue;
      }
      // It is here, whatever it is: neither absent nor anything to be judged, so that it stays as it is.
      const planned =
        why === undefined ? planSlot(input, subject, setAsides) : verdict(subject, 'blocked', [why]);
      const spared = keptAlive(input, subject, asPhysical(subject, planned));
      const judged = withHold(input.held.get(name), subject, spared);
      verdicts.push(judged);
      resting.set(name, why === undefined ? asResting(input, subject, judged) : undefined);
    }
  }
  const left = { input, names: sorted, slots: resting.map };
  const used = input.local.length + unreadable.size + placesHeld(input, local, verdicts);
  const capacity = { max: input.maxReplicationSlots, used, passing: input.anchored ? 1 : 0 };
  const possible = withinCapacity(capacity, verdicts);
  const idle = { ...findIdle(input, possible, local), idleLeaders: findIdleLeaders(input, local) };
  return doubt === undefined
    ? { verdicts: possible, ...idle, resting: left }
    : { verdicts: possible.map((entry) => doubted(entry, doubt)), ...idle, filterDoubt: doubt.reason };
}

/** A slot that is being made anew is gone for a moment, and comes back into its place. */
function placesHeld(
  { remaking }: PlanInput,
  local: ReadonlyMap<SlotName, LocalSlot>,
  verdicts: readonly SlotVerdict[],
): number {
  if (remaking === undefined || remaking.slots.size === 0) {
    return 0;
  }
  const restored = verdicts.filter(({ action }) => action?.kind === 'restore').map(({ slot }) => slot);
  return [...remaking.slots].filter((name) => !local.has(name) && !restored.includes(name)).length;
}

function inOrder(names: ReadonlySet<SlotName>, before: RestingSlots | undefined): readonly SlotName[] {
  const known = before?.names;
  return known?.length === names.size && known.every((name) => names.has(name))
    ? known
    : [...names].toSorted();
}

/** Until the filter is confirmed, copies that it does not select are followed as before. */
function retaining(input: PlanInput, { retained }: FilterDoubt): PlanInput {
  const { policy } = input;
  return {
    ...input,
    policy: { ...policy, wanted: (slot) => policy.wanted(slot) || retained.has(slot.name) },
  };
}

function doubted(entry: SlotVerdict, { reason: doubt, retained }: FilterDoubt): SlotVerdict {
  if (!retained.has(entry.slot)) {
    return entry;
  }
  return { ...entry, reasons: [...entry.reasons, doubt] };
}

function planSlot(input: PlanInput, subject: Subject, setAsides: SetAsides): SlotVerdict {
  const { event, local } = subject;
  if (isLogical(local) && local.synced) {
    return planNative(subject);
  }
  const orphan = planOrphan(input, subject, setAsides);
  if (orphan !== undefined) {
    return orphan;
  }
  if (event === undefined) {
    return planUnknown(input, subject);
  }
  const { listed } = subject;
  const isGone = isMissing({ manifest: input.manifest, listed }, event);
  if (event.op === 'drop' || event.state === undefined || isGone) {
    return planGone(input, subject, reason('dropped_on_primary'));
  }
  const { state } = event;
  if (!isLogical(state)) {
    return planPhysical(input, { ...subject, event, state });
  }
  const live = { ...subject, event, state, confirmed: confirmedWithin(event) };
  if (state.failover && input.syncReplicationSlots) {
    return planNative(subject);
  }
  if (!input.policy.wanted(state)) {
    return planGone(input, subject, reason('not_selected'));
  }
  if (isInvalidated(state)) {
    return planInvalidated(live);
  }
  return local === undefined ? planMissing(input, live) : planPresent(input, live, local);
}

/**
 * A probe holds back WAL and vacuum, so it goes as soon as no slot of its database is still to be made, and the anchor as soon as each of these
 * databases has its probe. A slot that stands unproven is made: were it to fail, its next attempt should wait for the subscriber to pass a new
 * probe, not the old one again. One that has no catalog_xmin yet is not: it gets that of the probe.
 */
function findIdle(
  input: PlanInput,
  verdicts: readonly SlotVerdict[],
  local: ReadonlyMap<SlotName, LocalSlot>,
): Pick<Plan, 'idleProbes' | 'idleAnchor'> {
  const needed = new Set(
    verdicts
      .filter(({ state }) => state === 'catching_up')
      .filter(
        ({ slot, action, needsProbe }) =>
          needsProbe === true || action?.kind === 'drop' || local.get(slot)?.catalogXmin === undefined,
      )
      .flatMap(({ slot }) => {
        const state = input.desired.get(slot)?.state;
        return isLogical(state) ? [databaseKey(databaseOf(state))] : [];
      }),
  );
  const probes = [...input.probes];
  const sound = new Set(probes.filter(([, { pin }]) => pin !== 'lost').map(([database]) => database));
  const certain = new Set(probes.filter(([, { pin }]) => pin === undefined).map(([database]) => database));
  const isAnchorNeeded =
    input.making.kind !== 'none' && [...needed].some((database) => !certain.has(database));
  return {
    idleProbes: probes
      .map(([database]) => database)
      .filter((database) => !needed.has(database) || !sound.has(database)),
    idleAnchor: input.anchored && !isAnchorNeeded,
  };
}
