import type { NodeSlotStatus, NodeStatus, NodesTopic, Ownership, SlotName } from '@slotcast/domain';

/** What a node has on record of itself and its slots. */
export class OwnRecords {
  status: NodeStatus | undefined;
  readonly #slots = new Map<SlotName, NodeSlotStatus>();
  readonly #ownership = new Map<SlotName, Ownership>();

  /** As the topic has it. */
  static of(topic: NodesTopic, node: string): OwnRecords {
    const records = new OwnRecords();
    records.status = topic.nodes.get(node)?.record;
    topic.slots.get(node)?.forEach(({ record }) => records.remember(record));
    return records;
  }

  get slots(): ReadonlyMap<SlotName, NodeSlotStatus> {
    return this.#slots;
  }

  get ownership(): ReadonlyMap<SlotName, Ownership> {
    return this.#ownership;
  }

  remember(status: NodeSlotStatus): void {
    this.#slots.set(status.slot, status);
    if (status.ownership === undefined) {
      this.#ownership.delete(status.slot);
    } else {
      this.#ownership.set(status.slot, status.ownership);
    }
  }

  forget(slot: SlotName): void {
    this.#slots.delete(slot);
    this.#ownership.delete(slot);
  }
}
