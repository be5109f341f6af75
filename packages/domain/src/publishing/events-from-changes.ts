import { findOrphan, keptNames } from '../topics/orphaned-slots.ts';
import { isMissing } from '../topics/published-line.ts';
import type { Timeline } from '../vocabulary/identity.ts';
import {
  type EventOrigin,
  type Incarnation,
  type Manifest,
  type ManifestSlot,
  type OrphanedSlot,
  type SlotEvent,
  type SlotOperation,
  sameIncarnation,
} from '../vocabulary/slot-event.ts';
import type { SlotName } from '../vocabulary/slot-name.ts';
import type { SlotState } from '../vocabulary/slot-state.ts';
import type { PublishedSlot, PublishedSlots, SlotChange } from './slot-diff.ts';

/** Events for one batch, and the number that the next record of the epoch gets. */
export interface EventBatch {
  readonly events: readonly SlotEvent[];
  readonly nextSeq: number;
}

/**
 * Turns changes into the events to publish, in the same order. `origin.seq` is the first free number of the epoch; each event
 * takes the next. A create's own (epoch, seq) is its incarnation; a remake is a drop of the old incarnation, then a create. What is orphaned has no event
 * of its own: its last one stays, with the positions of the WAL that it is about.
 */
export function eventsFromChanges(changes: readonly SlotChange[], origin: EventOrigin): EventBatch {
  const events: SlotEvent[] = [];
  const add = (op: SlotOperation, state: SlotState, known?: Incarnation): void => {
    const seq = origin.seq + events.length;
    const incarnation = known ?? { epoch: origin.epoch, seq };
    events.push({ ...origin, seq, kind: 'slot', op, slot: state.name, incarnation, state });
  };
  for (const change of changes) {
    switch (change.kind) {
      case 'create':
        add('create', change.state);
        break;
      case 'update':
        add('update', change.state, change.incarnation);
        break;
      case 'remake':
        add('drop', change.previous, change.incarnation);
        add('create', change.state);
        break;
      case 'drop':
        add('drop', change.previous, change.incarnation);
        break;
      case 'supersede':
        add('create', change.state);
        break;
      case 'orphan':
      case 'forget':
        break;
    }
  }
  return { events, nextSeq: origin.seq + events.length };
}

/**
 * The published slots after these events. Throws a RangeError on a create or update without a state, which is not an event
 * that slotcast writes.
 */
export function applyPublished(published: PublishedSlots, events: readonly SlotEvent[]): PublishedSlots {
  if (events.length === 0) {
    return published;
  }
  const after = new Map<SlotName, PublishedSlot>(published);
  for (const event of events) {
    if (event.op === 'drop') {
      after.delete(event.slot);
    } else if (event.state === undefined) {
      throw new RangeError(
        `${event.op} of slot ${event.slot} (epoch ${event.epoch}, seq ${event.seq}) has no state`,
      );
    } else {
      const { state, incarnation, time } = event;
      after.set(event.slot, { state, incarnation, publishedAt: time });
    }
  }
  return after;
}

/**
 * What a publisher finds in the topic: the newest event of each slot, as seen from a server that writes this timeline. A slot that the newest manifest does not
 * have any more was dropped, though compaction has removed the drop: that is no orphan.
 */
export function publishedBefore(
  newest: readonly SlotEvent[],
  known: { readonly timeline: Timeline; readonly manifest: Manifest | undefined },
): PublishedSlots {
  const { timeline, manifest } = known;
  const names = keptNames(manifest);
  const slots = new Map(applyPublished(new Map(), newest));
  for (const event of newest) {
    const published = slots.get(event.slot);
    const isGone = isMissing({ manifest, listed: names.has(event.slot) }, event);
    if (published !== undefined && event.timeline !== timeline && !isGone) {
      slots.set(event.slot, { ...published, unseen: true });
    }
  }
  return slots;
}

/** The orphaned slots after these changes; the same list when it stays as it is. */
export function orphansAfter(
  orphans: readonly OrphanedSlot[],
  changes: readonly SlotChange[],
  now: number,
): readonly OrphanedSlot[] {
  let after = orphans;
  for (const change of changes) {
    switch (change.kind) {
      case 'orphan':
      case 'supersede': {
        const { kind, previous, incarnation } = change;
        const cause = kind === 'orphan' ? change.cause : 'other_slot';
        const isKnown = findOrphan(after, incarnation) !== undefined;
        after = isKnown ? after : [...after, { name: previous.name, incarnation, cause, since: now }];
        break;
      }
      case 'update':
      case 'drop':
      case 'forget':
      case 'remake':
        after =
          findOrphan(after, change.incarnation) === undefined
            ? after
            : after.filter((orphan) => !sameIncarnation(orphan.incarnation, change.incarnation));
        break;
      case 'create':
        break;
    }
  }
  return after;
}

/** The manifest's list of live slots, by name. */
export function manifestSlots(
  published: PublishedSlots,
  orphans: readonly OrphanedSlot[] = [],
): ManifestSlot[] {
  return [...published]
    .filter(([, { incarnation }]) => findOrphan(orphans, incarnation) === undefined)
    .map(([name, { incarnation }]) => ({ name, incarnation }))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
}
