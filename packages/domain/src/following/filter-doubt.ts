import { doubtFilter } from '../reasons/slot-filter-doubt.ts';
import { isMissing, listedSlots } from '../topics/published-line.ts';
import { isCanary } from '../vocabulary/canary-slot.ts';
import type { Reason } from '../vocabulary/reason.ts';
import type { Manifest, SlotEvent } from '../vocabulary/slot-event.ts';
import { isOwnWorkingSlot, type SlotName } from '../vocabulary/slot-name.ts';
import type { SlotState } from '../vocabulary/slot-state.ts';
import type { PlanInput } from './plan-input.ts';

/** What a plan makes of a filter in doubt: the copies that it does not select are followed as before. */
export interface FilterDoubt {
  readonly reason: Reason;
  readonly retained: ReadonlySet<SlotName>;
}

/** Judges the filter of a standby by the slots that live at this server's point in WAL, and its own copies of them. */
export function findFilterDoubt(input: PlanInput): FilterDoubt | undefined {
  const { policy, ownership } = input;
  if (selectsAll(input)) {
    return undefined;
  }
  const wanted: SlotName[] = [];
  const unwanted: SlotName[] = [];
  for (const state of liveStates(input)) {
    (policy.wanted(state) ? wanted : unwanted).push(state.name);
  }
  const here = new Set(input.local.filter(({ temporary }) => !temporary).map(({ name }) => name));
  const hasCopy = (name: SlotName): boolean => ownership.has(name) && here.has(name);
  const retained = unwanted.filter(hasCopy);
  const doubt = doubtFilter({
    filter: policy.filter,
    live: [...wanted, ...unwanted].toSorted(),
    wanted: wanted.length,
    drops: policy.dropExtraSlots ? retained.length : 0,
    keeps: wanted.filter(hasCopy).length,
  });
  const physical = [...ownership].filter(([name, owned]) => owned.physical === true && hasCopy(name));
  return doubt && { reason: doubt, retained: new Set([...retained, ...physical.map(([name]) => name)]) };
}

/** So it is for most filters, and in every plan: that makes no list of what may be hundreds of slots. */
function selectsAll({ desired, manifest, policy }: PlanInput): boolean {
  const listed = listedSlots(manifest);
  for (const event of desired.values()) {
    const state = liveState({ manifest, listed }, event);
    if (state !== undefined && !policy.wanted(state)) {
      return false;
    }
  }
  return true;
}

function liveStates({ desired, manifest }: PlanInput): readonly SlotState[] {
  const listed = listedSlots(manifest);
  return [...desired.values()].flatMap((event) => liveState({ manifest, listed }, event) ?? []);
}

/** Of a slot that a filter may select or leave out, as long as there is one. */
function liveState(
  { manifest, listed }: { readonly manifest: Manifest; readonly listed: ReadonlySet<SlotName> },
  event: SlotEvent,
): SlotState | undefined {
  const { op, state, slot } = event;
  if (op === 'drop' || state === undefined || !followsFailover(state)) {
    return undefined;
  }
  return isMissing({ manifest, listed: listed.has(slot) }, event) ? undefined : state;
}

/** True for a slot that a filter may select or leave out: neither slotcast's own nor a physical one. */
function followsFailover(state: SlotState): boolean {
  return state.type === 'logical' && !isOwnWorkingSlot(state.name) && !isCanary(state);
}
