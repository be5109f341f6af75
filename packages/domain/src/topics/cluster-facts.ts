import type { NodeSlotStatus, NodeStatus } from '../vocabulary/node-status.ts';
import type { Manifest, SlotEvent } from '../vocabulary/slot-event.ts';
import type { SlotName } from '../vocabulary/slot-name.ts';
import type { NodesTopic } from './nodes-topic.ts';
import { SlotTrack, type SlotTracks } from './slot-track.ts';
import type { SlotsTopic } from './slots-topic.ts';
import type { Written } from './written.ts';

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

/** `undefined` as long as no publisher has written a manifest. */
export function clusterFacts(
  { manifest, newest }: SlotsTopic,
  { nodes, slots: nodeSlots }: NodesTopic,
  tracks: SlotTracks,
): ClusterFacts | undefined {
  if (manifest === undefined) {
    return undefined;
  }
  const slots = new Map(
    [...newest].map(([name, event]) => [name, { ...event, track: tracks.of(name) ?? new SlotTrack() }]),
  );
  return { manifest, slots, nodes, nodeSlots };
}
