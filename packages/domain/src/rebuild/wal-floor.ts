import { orphansOf } from '../topics/orphaned-slots.ts';
import type { Timeline } from '../vocabulary/identity.ts';
import type { Lsn } from '../vocabulary/lsn.ts';
import {
  type Incarnation,
  type Manifest,
  type SlotEvent,
  sameIncarnation,
} from '../vocabulary/slot-event.ts';
import type { SlotName } from '../vocabulary/slot-name.ts';
import { isInvalidated } from '../vocabulary/slot-state.ts';
import { branchOf, timelineAt } from '../vocabulary/timeline-history.ts';

/** WAL that a slot needs: all from `restartLsn` on, which lies on `timeline` of the manifest's line. */
export interface WalNeed {
  readonly slot: SlotName;
  readonly restartLsn: Lsn;
  readonly timeline: Timeline;
  /** Whether the primary lacks it, and only copies on other nodes are kept. */
  readonly orphaned: boolean;
}

/**
 * Why it cannot be told what a slot needs. `no_event`: the topic has none of this incarnation. `removed`: compaction may have removed a newer one. `no_position`: the event names no
 * restart_lsn. `other_branch`: the event lies on WAL that the manifest's line left.
 */
export type UnknownNeed = 'no_event' | 'removed' | 'no_position' | 'other_branch';

/** From where on WAL is needed by the slots of a topic. */
export interface WalFloor {
  readonly needs: readonly WalNeed[];
  /** Slots that are lost, or that keep no WAL. */
  readonly withoutNeed: readonly SlotName[];
  readonly unknown: readonly { readonly slot: SlotName; readonly why: UnknownNeed }[];
  /** The oldest of the needs. Absent where nothing is needed, and while the need of one slot is unknown: it might be older. */
  readonly floor: WalNeed | undefined;
}

/** What a topic says at one point: its manifest, per slot the newest event, and whether nothing can be missing after that. */
export interface WalFloorInput {
  readonly manifest: Manifest;
  readonly events: ReadonlyMap<SlotName, SlotEvent>;
  readonly isWhole: (event: SlotEvent) => boolean;
}

/**
 * The oldest WAL that a slot needs. Slots are those of the manifest, as only that tells of a slot whose events compaction has removed; an event of a slot that the manifest does not
 * list yet counts, too, since a floor may be too low but never too high.
 */
export function walFloor(input: WalFloorInput): WalFloor {
  const needs: WalNeed[] = [];
  const withoutNeed: SlotName[] = [];
  const unknown: { slot: SlotName; why: UnknownNeed }[] = [];
  for (const { slot, incarnation, orphaned } of slotsOf(input)) {
    const found = needOf(input, { slot, incarnation });
    if (found === undefined) {
      withoutNeed.push(slot);
    } else if (typeof found === 'string') {
      unknown.push({ slot, why: found });
    } else {
      needs.push({ slot, ...found, orphaned });
    }
  }
  const [oldest] = needs.toSorted((a, b) => (a.restartLsn < b.restartLsn ? -1 : 1));
  return { needs, withoutNeed, unknown, floor: unknown.length === 0 ? oldest : undefined };
}

interface WantedSlot {
  readonly slot: SlotName;
  readonly incarnation: Incarnation;
  readonly orphaned: boolean;
}

function slotsOf({ manifest, events }: WalFloorInput): readonly WantedSlot[] {
  const live = manifest.slots.map(({ name, incarnation }) => ({ slot: name, incarnation, orphaned: false }));
  const orphans = orphansOf(manifest).map(({ name, incarnation }) => ({
    slot: name,
    incarnation,
    orphaned: true,
  }));
  const listed = [...live, ...orphans];
  const names = new Set(listed.map(({ slot }) => slot));
  const others = [...events.values()].filter(({ slot, op }) => op !== 'drop' && !names.has(slot));
  return [...listed, ...others.map(({ slot, incarnation }) => ({ slot, incarnation, orphaned: false }))];
}

/** `undefined`: the slot needs none. */
function needOf(
  { manifest, events, isWhole }: WalFloorInput,
  { slot, incarnation }: Pick<WantedSlot, 'slot' | 'incarnation'>,
): { readonly restartLsn: Lsn; readonly timeline: Timeline } | UnknownNeed | undefined {
  const event = events.get(slot);
  if (event?.state === undefined || !sameIncarnation(event.incarnation, incarnation)) {
    return 'no_event';
  }
  if (!isWhole(event)) {
    return 'removed';
  }
  const { state, timeline } = event;
  const { restartLsn } = state;
  if (isInvalidated(state) || (state.type === 'physical' && restartLsn === undefined)) {
    return undefined;
  }
  if (restartLsn === undefined) {
    return 'no_position';
  }
  return branchOf(manifest.history, { timeline, lsn: restartLsn }) === 'on_history'
    ? { restartLsn, timeline: timelineAt(manifest.history, restartLsn) }
    : 'other_branch';
}
