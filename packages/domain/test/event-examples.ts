import {
  type Lsn,
  lsn,
  type Manifest,
  parseSlotName,
  parseSystemIdentifier,
  type SlotEvent,
  type TimelineHistory,
  timeline,
  type Written,
} from '@slotcast/domain';
import { logicalSlot } from './vocabulary-examples.ts';

/** Where and when an example record was made; what is left out is 1, and the position follows `seq`. */
interface Where {
  readonly seq?: number;
  readonly epoch?: number;
  readonly timeline?: number;
  readonly lsn?: number;
  readonly node?: string;
  readonly time?: number;
}

export function at(position: number): Lsn {
  return lsn(BigInt(position));
}

/** A server that never left timeline 1. */
export const firstTimeline: TimelineHistory = { timeline: timeline(1), ancestors: [] };

export function slotEvent(name: string, where: Where, over: Partial<SlotEvent> = {}): SlotEvent {
  return {
    ...origin(where),
    kind: 'slot',
    op: 'update',
    slot: parseSlotName(name),
    incarnation: { epoch: 1, seq: 1 },
    state: logicalSlot(name),
    ...over,
  };
}

/** Lists the slots by name, each with the incarnation that `slotEvent` gives. */
export function manifest(names: readonly string[], where: Where, over: Partial<Manifest> = {}): Manifest {
  return {
    ...origin(where),
    kind: 'manifest',
    systemIdentifier: parseSystemIdentifier('7300000000000000001'),
    history: firstTimeline,
    timelineNode: 'alpha',
    instance: 'one',
    lineage: 'first',
    slots: names.map((name) => ({ name: parseSlotName(name), incarnation: { epoch: 1, seq: 1 } })),
    ...over,
  };
}

/** Records as the broker stored them, all at one time. */
export function written<T>(records: readonly T[], writtenAt = 0): Written<T>[] {
  return records.map((record) => ({ record, writtenAt }));
}

function origin(where: Where) {
  const seq = where.seq ?? 1;
  return {
    lsn: at(where.lsn ?? seq),
    timeline: timeline(where.timeline ?? 1),
    epoch: where.epoch ?? 1,
    seq,
    node: where.node ?? 'alpha',
    time: where.time ?? 0,
  };
}
