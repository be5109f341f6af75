import {
  type ClusterFacts,
  compareOrder,
  type EventOrigin,
  type KnownSlot,
  type Manifest,
  type NodeSlotStatus,
  type NodeStatus,
  type SlotEvent,
  type SlotName,
  SlotTrack,
  sameIncarnation,
  type Written,
} from '@slotcast/domain';
import {
  type EventLog,
  type LogReader,
  type LogRecord,
  replayTopic,
  type TopicNames,
} from '@slotcast/event-log';
import type { Codec } from '@slotcast/event-schema';

export interface ClusterRecordsOptions {
  readonly log: EventLog;
  readonly codec: Codec;
  readonly topics: TopicNames;
  readonly signal: AbortSignal;
}

/** The newest record of each thing that both topics of a cluster tell of: slots, nodes, and slots on nodes. Without any server's help. */
export class ClusterRecords {
  readonly #codec: Codec;
  #last: EventOrigin | undefined;
  #manifest: Written<Manifest> | undefined;
  readonly #slots = new Map<SlotName, KnownSlot>();
  readonly #nodes = new Map<string, Written<NodeStatus>>();
  readonly #nodeSlots = new Map<string, Map<SlotName, Written<NodeSlotStatus>>>();
  readonly #followed: Followed[] = [];
  #malformed = 0;

  private constructor(codec: Codec) {
    this.#codec = codec;
  }

  /** Reads both topics to the end that they have now. Rejects as `replayTopic` does. */
  static async read({ log, codec, topics, signal }: ClusterRecordsOptions): Promise<ClusterRecords> {
    const records = new ClusterRecords(codec);
    const stop = new AbortController();
    const replay = async (topic: string, take: Take): Promise<void> => {
      try {
        const both = AbortSignal.any([signal, stop.signal]);
        const reader = await replayTopic({ log, topic, onRecords: take, signal: both });
        records.#followed.push({ reader, take });
      } catch (error) {
        stop.abort(error);
        throw error;
      }
    };
    const replays = [replay(topics.slots, records.#takeSlots), replay(topics.nodes, records.#takeNodes)];
    await Promise.allSettled(replays);
    try {
      await Promise.all(replays);
      return records;
    } catch (error) {
      await records.close();
      throw error;
    }
  }

  /** Records that were skipped because slotcast cannot have written them. */
  get malformed(): number {
    return this.#malformed;
  }

  /** All that is known now; `undefined` as long as no publisher has written a manifest. */
  facts(): ClusterFacts | undefined {
    return this.#manifest === undefined
      ? undefined
      : { manifest: this.#manifest, slots: this.#slots, nodes: this.#nodes, nodeSlots: this.#nodeSlots };
  }

  /** Takes what comes until the signal is aborted; rejects with its reason then, and when a topic cannot be read on. */
  async follow(signal: AbortSignal): Promise<never> {
    return await Promise.race(this.#followed.map((followed) => followOn(followed, signal)));
  }

  async close(): Promise<void> {
    await Promise.all(this.#followed.map(({ reader }) => reader.close()));
  }

  readonly #takeSlots = async (records: readonly LogRecord[]): Promise<void> => {
    for (const record of records) {
      const content = await this.#codec.decodeSlotsRecord(record);
      if (content.kind === 'malformed') {
        this.#malformed += 1;
      } else if (this.#follows(content)) {
        this.#last = content;
        this.#takeEvent(content, record.timestamp);
      }
    }
  };

  readonly #takeNodes = async (records: readonly LogRecord[]): Promise<void> => {
    for (const stored of records) {
      const record = await this.#codec.decodeNodesRecord(stored);
      const writtenAt = stored.timestamp;
      switch (record.kind) {
        case 'malformed':
          this.#malformed += 1;
          break;
        case 'node':
          this.#nodes.set(record.node, { record, writtenAt });
          break;
        case 'node_slot':
          this.#slotsOf(record.node).set(record.slot, { record, writtenAt });
          break;
        case 'node_tombstone':
          this.#forget(record.node, record.slot);
          break;
      }
    }
  };

  /** As consumers do: a record that does not follow the last one in event order turns the clock back. */
  #follows(event: EventOrigin): boolean {
    return this.#last === undefined || compareOrder(event, this.#last) > 0;
  }

  #takeEvent(event: SlotEvent | Manifest, writtenAt: number): void {
    if (event.kind === 'manifest') {
      this.#manifest = { record: event, writtenAt };
      return;
    }
    if (event.op === 'drop') {
      this.#slots.delete(event.slot);
      return;
    }
    const before = this.#slots.get(event.slot);
    const goesOn =
      before !== undefined &&
      before.record.timeline === event.timeline &&
      sameIncarnation(before.record.incarnation, event.incarnation);
    const track = goesOn ? before.track : new SlotTrack();
    if (event.state?.confirmedFlushLsn !== undefined) {
      track.add(event.state.confirmedFlushLsn, writtenAt);
    }
    this.#slots.set(event.slot, { record: event, writtenAt, track });
  }

  #slotsOf(node: string): Map<SlotName, Written<NodeSlotStatus>> {
    const slots = this.#nodeSlots.get(node) ?? new Map<SlotName, Written<NodeSlotStatus>>();
    this.#nodeSlots.set(node, slots);
    return slots;
  }

  #forget(node: string, slot: SlotName | undefined): void {
    if (slot === undefined) {
      this.#nodes.delete(node);
    } else {
      this.#nodeSlots.get(node)?.delete(slot);
    }
  }
}

type Take = (records: readonly LogRecord[]) => Promise<void>;

interface Followed {
  readonly reader: LogReader;
  readonly take: Take;
}

async function followOn({ reader, take }: Followed, signal: AbortSignal): Promise<never> {
  for (;;) {
    const batch = await reader.next(signal);
    await take(batch.records);
  }
}
