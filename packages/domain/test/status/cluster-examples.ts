import {
  type ClusterFacts,
  type ClusterView,
  clusterView,
  type KnownSlot,
  type LogicalSlotState,
  type Manifest,
  type NodeSlotStatus,
  type NodeStatus,
  parseSlotName,
  parseSystemIdentifier,
  type SlotName,
  SlotTrack,
  timeline,
  type Written,
} from '@slotcast/domain';
import { at, manifest, slotEvent } from '../event-examples.ts';
import { logicalSlot, physicalSlot } from '../vocabulary-examples.ts';

/** A moment long after 1970, so that ages do not meet zero. */
export const NOW = 1_000_000_000;

/** A slot whose subscriber confirmed `confirmed`, in an event at the primary's position `lsn`, `ageMs` ago. */
interface SlotSketch {
  readonly confirmed?: number;
  readonly lsn?: number;
  readonly timeline?: number;
  readonly ageMs?: number;
  readonly state?: Partial<LogicalSlotState>;
  readonly physical?: true;
}

/** A standby that wrote its record `ageMs` ago, and what it wrote of its slots. */
interface StandbySketch {
  readonly ageMs?: number;
  readonly status?: Partial<NodeStatus>;
  readonly slots?: Readonly<Record<string, Partial<NodeSlotStatus>>>;
}

export interface ClusterSketch {
  readonly slots?: Readonly<Record<string, SlotSketch>>;
  readonly standbys?: Readonly<Record<string, StandbySketch>>;
  readonly manifest?: Partial<Manifest>;
  readonly manifestAgeMs?: number;
}

/** The facts of a cluster with primary `alpha`: positions are small numbers, and what is left out is in order. */
export function clusterFacts(sketch: ClusterSketch): ClusterFacts {
  const slots = Object.entries(sketch.slots ?? {});
  const where = { seq: 1000, lsn: 1000 };
  return {
    manifest: {
      record: manifest(
        slots.map(([name]) => name),
        where,
        sketch.manifest,
      ),
      writtenAt: NOW - (sketch.manifestAgeMs ?? 0),
    },
    slots: new Map(slots.map(([name, slot]) => [parseSlotName(name), knownSlot(name, slot)])),
    nodes: new Map(
      Object.entries(sketch.standbys ?? {}).map(([name, node]) => [name, writtenNode(name, node)]),
    ),
    nodeSlots: new Map(
      Object.entries(sketch.standbys ?? {}).map(([name, node]) => [name, writtenCopies(name, node)]),
    ),
  };
}

/** The view of these facts, in which every slot is wanted. */
export function viewOf(
  facts: ClusterFacts,
  over: Partial<Parameters<typeof clusterView>[0]> = {},
): ClusterView {
  const filter = { text: 'name_like:%', confirmed: false };
  return clusterView({
    facts,
    wanted: () => true,
    filter,
    heartbeatStaleMs: 10_000,
    now: NOW,
    monotonicMs: 0,
    ...over,
  });
}

function knownSlot(name: string, sketch: SlotSketch): KnownSlot {
  const { confirmed = 500, lsn: position = 1000, ageMs = 0 } = sketch;
  const writtenAt = NOW - ageMs;
  const track = new SlotTrack();
  track.add(at(confirmed), writtenAt);
  const state =
    sketch.physical === true
      ? physicalSlot(name)
      : logicalSlot(name, { confirmedFlushLsn: at(confirmed), ...sketch.state });
  return {
    record: slotEvent(name, { lsn: position, timeline: sketch.timeline ?? 1 }, { state }),
    writtenAt,
    track,
  };
}

function writtenNode(name: string, { ageMs = 0, status = {} }: StandbySketch): Written<NodeStatus> {
  const record: NodeStatus = {
    kind: 'node',
    node: name,
    role: 'standby',
    instance: 'i',
    version: '0.1.0',
    systemIdentifier: parseSystemIdentifier('7300000000000000001'),
    timeline: timeline(1),
    serverVersion: 180_004,
    replayLsn: at(900),
    receiveLsn: at(900),
    upstream: 'alpha:5432',
    physicalSlots: [],
    wantsStandbySnapshot: false,
    time: NOW - ageMs,
    ...status,
  };
  return { record, writtenAt: NOW - ageMs };
}

function writtenCopies(
  name: string,
  { ageMs = 0, slots = {} }: StandbySketch,
): ReadonlyMap<SlotName, Written<NodeSlotStatus>> {
  return new Map(
    Object.entries(slots).map(([slot, over]) => [
      parseSlotName(slot),
      {
        record: {
          kind: 'node_slot',
          node: name,
          slot: parseSlotName(slot),
          role: 'standby',
          ownership: { incarnation: { epoch: 1, seq: 1 }, lineage: 'first', proven: true },
          state: 'ready',
          reasons: [],
          restartLsn: at(400),
          confirmedFlushLsn: at(500),
          time: NOW - ageMs,
          ...over,
        },
        writtenAt: NOW - ageMs,
      },
    ]),
  );
}
