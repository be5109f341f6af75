import { isCanary } from '../vocabulary/canary-slot.ts';
import type { Manifest, SlotEvent } from '../vocabulary/slot-event.ts';
import { isOwnWorkingSlot, type SlotName } from '../vocabulary/slot-name.ts';
import type { SlotState } from '../vocabulary/slot-state.ts';
import type { FilterText, PlanInput } from './plan-input.ts';
import { isMissing, listedSlots } from './published-line.ts';

/** Names that are shown of many. */
const SHOWN = 3;

/**
 * Why a filter has to be confirmed before it is believed: it selects none of the slots that there are, or it would drop more copies than it
 * keeps. One letter too many is enough for either. `undefined` when it is beyond doubt, or was confirmed. Where the primary has no logical slot at
 * all, there is nothing that a filter could miss.
 */
export function doubtFilter(input: {
  readonly filter: FilterText;
  /** Names of the live logical slots of the primary. */
  readonly live: readonly string[];
  readonly wanted: number;
  /** Copies here of live slots that it does not select, and that it does. */
  readonly drops: number;
  readonly keeps: number;
}): string | undefined {
  const { filter, live, wanted, drops, keeps } = input;
  if (filter.confirmed || (drops <= keeps && (wanted > 0 || live.length === 0))) {
    return undefined;
  }
  const names = live.slice(0, SHOWN).join(', ') + (live.length > SHOWN ? ', …' : '');
  const fact =
    wanted === 0
      ? `selects none of the logical slots of the primary (${live.length}: ${names})`
      : `would have ${drops} copies dropped, and ${keeps} kept`;
  return (
    `SLOTCAST_SLOTS=${filter.text} ${fact}: correct it, or set SLOTCAST_SLOTS_CONFIRM to the same text if that is meant. ` +
    'Until then no copy is dropped because of it'
  );
}

/** What a plan makes of a filter in doubt: the copies that it does not select are followed as before. */
export interface FilterDoubt {
  readonly reason: string;
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
  const reason = doubtFilter({
    filter: policy.filter,
    live: [...wanted, ...unwanted].toSorted(),
    wanted: wanted.length,
    drops: policy.dropExtraSlots ? retained.length : 0,
    keeps: wanted.filter(hasCopy).length,
  });
  return reason === undefined ? undefined : { reason, retained: new Set(retained) };
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
