import {
  HEARTBEAT_MS,
  type Heartbeat,
  isRecent,
  type Manifest,
  type NodeSlotStatus,
  type NodeStatus,
  type SlotEvent,
  type SlotName,
  type TopicContents,
} from '@slotcast/domain';
import {
  type EventLog,
  type LogReader,
  type LogRecord,
  readToWrittenEnd,
  replayTopic,
} from '@slotcast/event-log';
import type { Codec } from '@slotcast/event-schema';

/** A publisher that is alive writes within its interval, and a little. */
const PATIENCE_MS = HEARTBEAT_MS + 2000;

export interface TopicReading {
  readonly contents: TopicContents;
  /** Where records are that slotcast cannot have written. */
  readonly malformed: readonly string[];
  /** Number of all that were read. */
  readonly records: number;
}

/**
 * Reads both topics to their end. When the last heartbeat is not recent it waits for another one: only one that arrives now tells a
 * publisher that is silent from a clock that is wrong.
 */
export async function readTopics(options: {
  readonly log: EventLog;
  readonly codec: Codec;
  readonly slotsTopic: string;
  readonly nodesTopic: string;
  readonly signal: AbortSignal;
}): Promise<TopicReading> {
  const { log, codec, slotsTopic, nodesTopic, signal } = options;
  const contents = new Contents(codec);
  const takeNodes = contents.takeNodes.bind(contents, nodesTopic);
  const nodes = await replayTopic({ log, topic: nodesTopic, onRecords: takeNodes, signal });
  try {
    // The open transaction of one node hides what others wrote behind it.
    await readToWrittenEnd({ log, topic: nodesTopic, reader: nodes, onRecords: takeNodes, signal });
  } finally {
    await nodes.close();
  }
  const takeSlots = contents.takeSlots.bind(contents, slotsTopic, false);
  const slots = await replayTopic({ log, topic: slotsTopic, onRecords: takeSlots, signal });
  try {
    await contents.awaitHeartbeat(slots, slotsTopic, signal);
  } finally {
    await slots.close();
  }
  return contents;
}

class Contents implements TopicReading {
  readonly malformed: string[] = [];
  records = 0;
  readonly #codec: Codec;
  readonly #slots = new Map<SlotName, SlotEvent>();
  readonly #nodes = new Map<string, NodeStatus>();
  readonly #nodeSlots = new Map<string, NodeSlotStatus>();
  #manifest: Manifest | undefined;
  #heartbeat: Heartbeat | undefined;
  #highestEpoch = 0;

  constructor(codec: Codec) {
    this.#codec = codec;
  }

  get contents(): TopicContents {
    return {
      manifest: this.#manifest,
      heartbeat: this.#heartbeat,
      highestEpoch: this.#highestEpoch,
      slots: this.#slots,
      nodes: this.#nodes,
      nodeSlots: [...this.#nodeSlots.values()],
    };
  }

  async awaitHeartbeat(reader: LogReader, topic: string, signal: AbortSignal): Promise<void> {
    const patience = AbortSignal.timeout(PATIENCE_MS);
    const either = AbortSignal.any([signal, patience]);
    try {
      while (this.#heartbeat !== undefined && !isRecent(this.#heartbeat)) {
        const { records } = await reader.next(either);
        await this.takeSlots(topic, true, records);
      }
    } catch (error) {
      if (!patience.aborted) {
        throw error;
      }
    }
  }

  async takeSlots(topic: string, live: boolean, records: readonly LogRecord[]): Promise<void> {
    for (const record of records) {
      this.records += 1;
      const event = await this.#codec.decodeSlotsRecord(record);
      if (event.kind === 'malformed') {
        this.malformed.push(`offset ${record.offset} of ${topic}: ${event.reason}`);
        continue;
      }
      this.#highestEpoch = Math.max(this.#highestEpoch, event.epoch);
      if (event.kind === 'manifest') {
        this.#manifest = event;
        this.#heartbeat = { aheadMs: record.timestamp - Date.now(), live };
      } else {
        this.#slots.set(event.slot, event);
      }
    }
  }

  async takeNodes(topic: string, records: readonly LogRecord[]): Promise<void> {
    for (const record of records) {
      this.records += 1;
      const status = await this.#codec.decodeNodesRecord(record);
      switch (status.kind) {
        case 'malformed':
          this.malformed.push(`offset ${record.offset} of ${topic}: ${status.reason}`);
          break;
        case 'node':
          this.#nodes.set(status.node, status);
          break;
        case 'node_slot':
          this.#nodeSlots.set(`${status.node}/${status.slot}`, status);
          break;
        case 'node_tombstone':
          this.#forget(status.node, status.slot);
          break;
      }
    }
  }

  #forget(node: string, slot: SlotName | undefined): void {
    if (slot === undefined) {
      this.#nodes.delete(node);
    } else {
      this.#nodeSlots.delete(`${node}/${slot}`);
    }
  }
}
