import {
  compareOrder,
  describeOrigin,
  type EventOrigin,
  type Manifest,
  type SlotEvent,
} from '../vocabulary/slot-event.ts';
import type { SlotName } from '../vocabulary/slot-name.ts';
import { MapDraft } from './map-draft.ts';
import type { Written } from './written.ts';

export type SlotsRecord = SlotEvent | Manifest;

/** What the slots topic says at one offset, the same for everybody who has read that far. */
export interface SlotsTopic {
  /** The last accepted record; offsets of the topic must agree with its order. */
  readonly last: EventOrigin | undefined;
  /** The largest epoch in any record, those that were rejected, too: it must not be used twice. 0 when there is none. */
  readonly highestEpoch: number;
  /** The newest one that was accepted, wherever it lies. */
  readonly manifest: Written<Manifest> | undefined;
  /** The newest event of each live slot, on whatever branch it lies. */
  readonly newest: ReadonlyMap<SlotName, Written<SlotEvent>>;
}

export interface RejectedRecord {
  readonly record: SlotsRecord;
  readonly reason: string;
}

/** A topic after some more of its records. */
export interface SlotsFold {
  readonly topic: SlotsTopic;
  readonly accepted: readonly Written<SlotsRecord>[];
  readonly rejected: readonly RejectedRecord[];
}

export const emptySlotsTopic: SlotsTopic = {
  last: undefined,
  highestEpoch: 0,
  manifest: undefined,
  newest: new Map(),
};

/**
 * Takes records in the order of their offsets. A record that does not follow the last one in event order is rejected: believed, it would turn
 * the clock back. A drop that is repeated is neither accepted nor rejected.
 */
export function foldSlots(topic: SlotsTopic, records: readonly Written<SlotsRecord>[]): SlotsFold {
  const newest = new MapDraft(topic.newest);
  const accepted: Written<SlotsRecord>[] = [];
  const rejected: RejectedRecord[] = [];
  let { last, highestEpoch, manifest } = topic;
  for (const written of records) {
    const { record } = written;
    highestEpoch = Math.max(highestEpoch, record.epoch);
    if (last !== undefined && repeatsDrop(last, record)) {
      continue;
    }
    if (last !== undefined && compareOrder(record, last) <= 0) {
      rejected.push({ record, reason: `${describeOrigin(record)} came after ${describeOrigin(last)}` });
      continue;
    }
    last = record;
    accepted.push(written);
    if (record.kind === 'manifest') {
      manifest = { ...written, record };
    } else {
      newest.set(record.slot, record.op === 'drop' ? undefined : { ...written, record });
    }
  }
  return { topic: { last, highestEpoch, manifest, newest: newest.map }, accepted, rejected };
}

/** A drop is written twice, as a last state and as a tombstone, with the same headers. */
function repeatsDrop(last: EventOrigin, record: SlotsRecord): boolean {
  return record.kind === 'slot' && record.op === 'drop' && compareOrder(last, record) === 0;
}
