import type { NodeSlotStatus, NodeStatus, NodeTombstone } from '../vocabulary/node-status.ts';
import { WISH_LIFETIME_MS } from '../vocabulary/protocol-timings.ts';
import type { SlotName } from '../vocabulary/slot-name.ts';
import { MapDraft } from './map-draft.ts';
import type { Written } from './written.ts';

export type NodesRecord = NodeStatus | NodeSlotStatus | NodeTombstone;

/** What the nodes topic says at one offset: the newest record of each node, and of each slot on a node. */
export interface NodesTopic {
  readonly nodes: ReadonlyMap<string, Written<NodeStatus>>;
  /** By node; a node without records of slots is not in it. */
  readonly slots: ReadonlyMap<string, NodeSlots>;
  /** When the newest record of all was stored; 0 when there is none. */
  readonly newestAt: number;
}

export type NodeSlots = ReadonlyMap<SlotName, Written<NodeSlotStatus>>;

export const emptyNodesTopic: NodesTopic = { nodes: new Map(), slots: new Map(), newestAt: 0 };

/**
 * Takes records in the order of their offsets. A node that is taken out takes what it said of its slots along. With `slotsOf` only the slots of
 * that node are remembered.
 */
export function foldNodes(
  topic: NodesTopic,
  records: readonly Written<NodesRecord>[],
  slotsOf?: string,
): NodesTopic {
  const nodes = new MapDraft(topic.nodes);
  const slots = new SlotsDraft(topic.slots);
  let { newestAt } = topic;
  for (const written of records) {
    const { record } = written;
    newestAt = Math.max(newestAt, written.writtenAt);
    switch (record.kind) {
      case 'node':
        nodes.set(record.node, { ...written, record });
        break;
      case 'node_slot':
        if (slotsOf === undefined || slotsOf === record.node) {
          slots.set(record.node, record.slot, { ...written, record });
        }
        break;
      case 'node_tombstone':
        if (record.slot === undefined) {
          nodes.set(record.node, undefined);
          slots.forget(record.node);
        } else {
          slots.set(record.node, record.slot, undefined);
        }
        break;
    }
  }
  return { nodes: nodes.map, slots: slots.finish(), newestAt };
}

/** Nodes whose wish for a running-xacts record stands. One that was there before somebody listened is stale, or will be repeated. */
export function standingWishes({ nodes }: Pick<NodesTopic, 'nodes'>, monotonicMs: number): string[] {
  return [...nodes.values()].flatMap(({ record, heardAtMs }) => {
    const stands = heardAtMs !== undefined && monotonicMs - heardAtMs <= WISH_LIFETIME_MS;
    return stands && record.wantsStandbySnapshot ? [record.node] : [];
  });
}

/** Maps in a map, each copied once at most. */
class SlotsDraft {
  readonly #nodes: MapDraft<string, NodeSlots>;
  readonly #drafts = new Map<string, MapDraft<SlotName, Written<NodeSlotStatus>>>();

  constructor(base: NodesTopic['slots']) {
    this.#nodes = new MapDraft(base);
  }

  set(node: string, slot: SlotName, status: Written<NodeSlotStatus> | undefined): void {
    const draft = this.#drafts.get(node) ?? new MapDraft(this.#nodes.map.get(node) ?? new Map());
    this.#drafts.set(node, draft);
    draft.set(slot, status);
  }

  forget(node: string): void {
    this.#drafts.delete(node);
    this.#nodes.set(node, undefined);
  }

  finish(): NodesTopic['slots'] {
    this.#drafts.forEach(({ map }, node) => this.#nodes.set(node, map.size === 0 ? undefined : map));
    return this.#nodes.map;
  }
}
