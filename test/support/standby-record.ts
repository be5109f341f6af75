import { type NodeStatus, parseSystemIdentifier, timeline } from '@slotcast/domain';

/** What the consumer of a standby on the first timeline says of its node. */
export function standbyRecord(node: string, systemIdentifier: string): NodeStatus {
  return {
    kind: 'node',
    node,
    role: 'standby',
    instance: 'standby',
    version: '0.0.0',
    systemIdentifier: parseSystemIdentifier(systemIdentifier),
    timeline: timeline(1),
    serverVersion: 180_000,
    physicalSlots: [],
    wantsStandbySnapshot: false,
    time: 0,
  };
}
