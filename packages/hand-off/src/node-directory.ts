import type { NodeSlotStatus, NodeStatus, Ownership, SlotName } from '@slotcast/domain';
import type { LogRecord, LogWriter, NewRecord } from '@slotcast/event-log';
import type { Codec } from '@slotcast/event-schema';
import type { Logger } from '@slotcast/kernel';

/** One node's side of the nodes topic: what all nodes say, and this node's own records, which it alone writes. */
export class NodeDirectory {
  readonly #node: string;
  readonly #topic: string;
  readonly #codec: Codec;
  readonly #onMalformed: () => void;
  readonly #logger: Logger;
  readonly #nodes = new Map<string, NodeStatus>();
  readonly #ownership = new Map<SlotName, Ownership>();
  readonly #written = new Map<SlotName, NodeSlotStatus>();
  /** When this node's record, and the newest of all, were appended, by the clock of the brokers. */
  #ownAt = 0;
  #newestAt = 0;
  #news = false;

  constructor(options: {
    node: string;
    topic: string;
    codec: Codec;
    onMalformed: () => void;
    logger: Logger;
  }) {
    this.#node = options.node;
    this.#topic = options.topic;
    this.#codec = options.codec;
    this.#onMalformed = options.onMalformed;
    this.#logger = options.logger;
  }

  get node(): string {
    return this.#node;
  }

  /** This node's own record, as it was read or written last. */
  get own(): NodeStatus | undefined {
    return this.#nodes.get(this.#node);
  }

  /** How much later than this node's record the newest of all was appended, in milliseconds. */
  get ownSilenceMs(): number {
    return this.#newestAt - this.#ownAt;
  }

  get nodes(): ReadonlyMap<string, NodeStatus> {
    return this.#nodes;
  }

  /** Slots on this node that are slotcast's to move, replace and drop. */
  get ownership(): ReadonlyMap<SlotName, Ownership> {
    return this.#ownership;
  }

  /** This node's slot records as the topic has them. */
  get written(): ReadonlyMap<SlotName, NodeSlotStatus> {
    return this.#written;
  }

  /**
   * Takes records in the order of their offsets. Live records of this node are what it wrote itself: it knows better already, as
   * they arrive after newer ones were written.
   */
  async take(records: readonly LogRecord[], live: boolean): Promise<void> {
    for (const record of records) {
      const status = await this.#codec.decodeNodesRecord(record);
      this.#newestAt = Math.max(this.#newestAt, record.timestamp);
      if (live && status.kind !== 'malformed' && status.node === this.#node) {
        continue;
      }
      this.#news = true;
      switch (status.kind) {
        case 'malformed':
          this.#onMalformed();
          this.#logger.error(
            {
              code: 'SC_RECORD_MALFORMED',
              offset: String(record.offset),
              key: status.key,
              reason: status.reason,
            },
            'skipped a malformed record of the nodes topic',
          );
          break;
        case 'node':
          this.#nodes.set(status.node, status);
          this.#ownAt = status.node === this.#node ? record.timestamp : this.#ownAt;
          break;
        case 'node_slot':
          this.#remember(status);
          break;
        case 'node_tombstone':
          this.#forget(status.node, status.slot);
          break;
      }
    }
  }

  /** True when other records than those that this node wrote itself were taken since it was asked last. */
  takeNews(): boolean {
    const news = this.#news;
    this.#news = false;
    return news;
  }

  /** Commits records of this node in one transaction. Rejects as LogWriter.append does. */
  async write(
    writer: LogWriter,
    changes: {
      node?: NodeStatus;
      slots?: readonly NodeSlotStatus[];
      forget?: readonly SlotName[];
      time: number;
    },
  ): Promise<void> {
    const topic = this.#topic;
    const records: NewRecord[] = [];
    for (const status of changes.slots ?? []) {
      records.push({ topic, ...(await this.#codec.encodeNodeSlotStatus(topic, status)) });
    }
    for (const slot of changes.forget ?? []) {
      records.push({ topic, ...this.#codec.encodeTombstone({ node: this.#node, slot, time: changes.time }) });
    }
    if (changes.node !== undefined) {
      records.push({ topic, ...(await this.#codec.encodeNodeStatus(topic, changes.node)) });
    }
    if (records.length === 0) {
      return;
    }
    await writer.append(records);
    if (changes.node !== undefined) {
      this.#nodes.set(this.#node, changes.node);
    }
    changes.slots?.forEach((status) => this.#remember(status));
    changes.forget?.forEach((slot) => this.#forget(this.#node, slot));
  }

  #remember(status: NodeSlotStatus): void {
    if (status.node !== this.#node) {
      return;
    }
    this.#written.set(status.slot, status);
    if (status.ownership === undefined) {
      this.#ownership.delete(status.slot);
    } else {
      this.#ownership.set(status.slot, status.ownership);
    }
  }

  #forget(node: string, slot: SlotName | undefined): void {
    if (slot === undefined) {
      this.#nodes.delete(node);
    } else if (node === this.#node) {
      this.#written.delete(slot);
      this.#ownership.delete(slot);
    }
  }
}
