import {
  type NodeSlotStatus,
  type NodeStatus,
  parseSlotName,
  parseSystemIdentifier,
  timeline,
} from '@slotcast/domain';
import { at } from '../event-examples.ts';

/** A standby that tells of itself. */
export function nodeStatus(node: string, over: Partial<NodeStatus> = {}): NodeStatus {
  return {
    kind: 'node',
    node,
    role: 'standby',
    instance: 'one',
    version: '0.1.0',
    systemIdentifier: parseSystemIdentifier('7300000000000000001'),
    timeline: timeline(1),
    serverVersion: 180004,
    hotStandbyFeedback: true,
    physicalSlots: [],
    wantsStandbySnapshot: false,
    time: 0,
    ...over,
  };
}

/** A slot that is kept on a node. */
export function nodeSlotStatus(
  node: string,
  slot: string,
  over: Partial<NodeSlotStatus> = {},
): NodeSlotStatus {
  return {
    kind: 'node_slot',
    node,
    slot: parseSlotName(slot),
    role: 'standby',
    state: 'ready',
    reasons: [],
    confirmedFlushLsn: at(5),
    time: 0,
    ...over,
  };
}
