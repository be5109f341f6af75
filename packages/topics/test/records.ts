import {
  lsn,
  type Manifest,
  type NodeSlotStatus,
  type NodeStatus,
  parseSlotName,
  parseSystemIdentifier,
  type SlotEvent,
  timeline,
} from '@slotcast/domain';

/** Where a record stands in the order of the topic; what is left out is 1, and the position follows `seq`. */
interface Place {
  readonly timeline?: number;
  readonly epoch?: number;
  readonly seq?: number;
  readonly lsn?: number;
}

function origin({ timeline: line = 1, epoch = 1, seq = 1, lsn: at = seq }: Place) {
  return { lsn: lsn(BigInt(at)), timeline: timeline(line), epoch, seq, node: 'primary', time: 0 };
}

/** The newest event of a slot whose subscriber had confirmed all up to its position. */
export function confirmed(name: string, place: Place, over: Partial<SlotEvent> = {}): SlotEvent {
  const slot = parseSlotName(name);
  const from = origin(place);
  return {
    ...from,
    kind: 'slot',
    op: 'update',
    slot,
    incarnation: { epoch: 1, seq: 1 },
    state: {
      name: slot,
      type: 'logical',
      plugin: 'pgoutput',
      database: 'postgres',
      databaseOid: 5,
      twoPhase: false,
      failover: false,
      synced: false,
      confirmedFlushLsn: from.lsn,
      active: false,
    },
    ...over,
  };
}

export function manifest(place: Place, over: Partial<Manifest> = {}): Manifest {
  return {
    ...origin(place),
    kind: 'manifest',
    systemIdentifier: parseSystemIdentifier('7300000000000000001'),
    history: { timeline: timeline(place.timeline ?? 1), ancestors: [] },
    timelineNode: 'primary',
    instance: 'one',
    lineage: 'first',
    slots: [],
    ...over,
  };
}

export function nodeStatus(node: string, over: Partial<NodeStatus> = {}): NodeStatus {
  return {
    kind: 'node',
    node,
    role: 'standby',
    instance: 'older',
    version: '0.1.0',
    systemIdentifier: parseSystemIdentifier('7300000000000000001'),
    timeline: timeline(1),
    serverVersion: 180_004,
    physicalSlots: [],
    wantsStandbySnapshot: false,
    time: 0,
    ...over,
  };
}

export function slotOn(node: string, over: Partial<NodeSlotStatus> = {}): NodeSlotStatus {
  return {
    kind: 'node_slot',
    node,
    slot: parseSlotName('app1'),
    role: 'standby',
    ownership: { incarnation: { epoch: 1, seq: 1 }, lineage: 'lineage', proven: true },
    state: 'ready',
    reasons: [],
    time: 1_700_000_000_000,
    ...over,
  };
}
