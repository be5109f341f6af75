import type {
  EventOrigin,
  Incarnation,
  ManifestSlot,
  SlotEvent,
  SlotOperation,
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
 * takes the next. A create's own (epoch, seq) is its incarnation; a remake is a drop of the old incarnation, then a create.
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

/** The manifest's list of live slots, by name. */
export function manifestSlots(published: PublishedSlots): ManifestSlot[] {
  return [...published]
    .map(([name, { incarnation }]) => ({ name, incarnation }))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
}
