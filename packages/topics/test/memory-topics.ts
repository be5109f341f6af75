import assert from 'node:assert/strict';
import type { Manifest, NodeSlotStatus, NodeStatus, SlotEvent } from '@slotcast/domain';
import { type LogWriter, MemoryLog, type NewRecord } from '@slotcast/event-log';
import { createCodec } from '@slotcast/event-schema';
import { type Clock, systemClock } from '@slotcast/kernel';
import { SilenceMeter, type TopicsContext, type UnusableRecord } from '@slotcast/topics';

export const SLOTS = 'slotcast.orders.slots';
export const NODES = 'slotcast.orders.nodes';

/** Both topics of a cluster in memory, and a clock of the brokers that can be set. */
export class MemoryTopics {
  readonly log: MemoryLog;
  readonly codec = createCodec();
  /** What the broker stores with a record. */
  brokerMs = 100_000;
  readonly #writers = new Map<string, LogWriter>();

  private constructor() {
    this.log = new MemoryLog({ now: () => this.brokerMs });
  }

  static async create(): Promise<MemoryTopics> {
    const topics = new MemoryTopics();
    for (const topic of [SLOTS, NODES]) {
      await topics.log.createTopic({ topic, partitions: 1, replicationFactor: 1, config: new Map() });
    }
    return topics;
  }

  /** For a reader of its own; without `unusable` nothing may be. */
  context(options: { clock?: Clock; unusable?: UnusableRecord[] } = {}): TopicsContext {
    const { clock = systemClock, unusable } = options;
    return {
      log: this.log,
      codec: this.codec,
      slotsTopic: SLOTS,
      nodesTopic: NODES,
      silence: new SilenceMeter(clock),
      onUnusable: (record) => {
        assert.ok(unusable, `nothing should be unusable: ${record.reason}`);
        unusable.push(record);
      },
    };
  }

  async encode(content: SlotEvent | Manifest | NodeStatus | NodeSlotStatus): Promise<NewRecord[]> {
    switch (content.kind) {
      case 'slot':
        return (await this.codec.encodeSlotEvent(SLOTS, content)).map((each) => ({ ...each, topic: SLOTS }));
      case 'manifest':
        return [{ ...(await this.codec.encodeManifest(SLOTS, content)), topic: SLOTS }];
      case 'node':
        return [{ ...(await this.codec.encodeNodeStatus(NODES, content)), topic: NODES }];
      case 'node_slot':
        return [{ ...(await this.codec.encodeNodeSlotStatus(NODES, content)), topic: NODES }];
    }
  }

  /** Appends, each in a transaction of its own. */
  async append(...contents: readonly (SlotEvent | Manifest | NodeStatus | NodeSlotStatus)[]): Promise<void> {
    for (const content of contents) {
      await this.appendRaw(await this.encode(content));
    }
  }

  async appendRaw(records: readonly NewRecord[], transactionalId = 'writer'): Promise<void> {
    const writer = this.#writers.get(transactionalId) ?? (await this.log.claim(transactionalId));
    this.#writers.set(transactionalId, writer);
    await writer.append(records);
  }
}
