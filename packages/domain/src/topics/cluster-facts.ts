import type { NodeSlotStatus, NodeStatus } from '../vocabulary/node-status.ts';
import type { Manifest, SlotEvent } from '../vocabulary/slot-event.ts';
import type { SlotName } from '../vocabulary/slot-name.ts';
import type { SlotTrack } from './slot-track.ts';

/** A record with the time at which the broker stored it: one clock for all, whatever those of the nodes show. */
export interface Written<T> {
  readonly record: T;
  /** Milliseconds since 1970. */
  readonly writtenAt: number;
}

/** A slot as the newest of its events has it. */
export interface KnownSlot extends Written<SlotEvent> {
  readonly track: SlotTrack;
}

/** What both topics say of a cluster at one moment, each thing in its newest record. */
export interface ClusterFacts {
  readonly manifest: Written<Manifest>;
  readonly slots: ReadonlyMap<SlotName, KnownSlot>;
  readonly nodes: ReadonlyMap<string, Written<NodeStatus>>;
  readonly nodeSlots: ReadonlyMap<string, ReadonlyMap<SlotName, Written<NodeSlotStatus>>>;
}
