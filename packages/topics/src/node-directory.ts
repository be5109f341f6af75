import type {
  NodeSlotStatus,
  NodeStatus,
  NodesRecord,
  NodesTopic,
  Ownership,
  SlotName,
} from '@slotcast/domain';
import { type EventLog, type LogWriter, type NewRecord, writerId } from '@slotcast/event-log';
import type { Codec } from '@slotcast/event-schema';
import type { NodesReader } from './nodes-reader.ts';
import { OwnRecords } from './own-records.ts';

/**
 * One node's side of the nodes topic: what all nodes say, and this node's own records, which it alone writes. From its claim on it knows these
 * better than the topic, from which they come back after newer ones were written.
 */
export class NodeDirectory {
  readonly node: string;
  readonly reader: NodesReader;
  readonly #topic: string;
  readonly #codec: Codec;
  #read: { readonly topic: NodesTopic; readonly records: OwnRecords } | undefined;
  /** Present once this process writes. */
  #written: OwnRecords | undefined;
  #all: ReadonlyMap<string, NodeStatus> = new Map();
  #allOf: readonly unknown[] = [];

  /** The reader has to remember the slots of this node. */
  constructor(options: { node: string; nodesTopic: string; codec: Codec; reader: NodesReader }) {
    this.node = options.node;
    this.reader = options.reader;
    this.#topic = options.nodesTopic;
    this.#codec = options.codec;
  }

  /** This node's own record, as it was read or written last. */
  get own(): NodeStatus | undefined {
    return this.#own.status;
  }

  /** The newest record of each node; the same map as long as they are the same. */
  get nodes(): ReadonlyMap<string, NodeStatus> {
    const { nodes } = this.reader;
    const { status } = this.#own;
    if (status === undefined || nodes.get(this.node) === status) {
      return nodes;
    }
    if (this.#allOf[0] !== nodes || this.#allOf[1] !== status) {
      this.#allOf = [nodes, status];
      this.#all = new Map(nodes).set(this.node, status);
    }
    return this.#all;
  }

  /** Slots on this node that are slotcast's to move, replace and drop. */
  get ownership(): ReadonlyMap<SlotName, Ownership> {
    return this.#own.ownership;
  }

  /** This node's slot records as the topic has them. */
  get written(): ReadonlyMap<SlotName, NodeSlotStatus> {
    return this.#own.slots;
  }

  /** True when others than this node wrote some of them. */
  isNews(records: readonly NodesRecord[]): boolean {
    return records.some(({ node }) => node !== this.node);
  }

  /**
   * Fences an earlier process of this node, and reads until all is known that it had written. The transactions of other nodes hide what was
   * committed behind them until they end, and those of a node that died do so for seconds: whoever did not wait would take slots
   * that are the node's own for somebody else's.
   */
  async claim(options: { log: EventLog; signal: AbortSignal }): Promise<LogWriter> {
    const writer = await options.log.claim(writerId(this.#topic, `node.${this.node}`));
    try {
      await this.reader.readToWrittenEnd(options.signal);
      this.#written = this.#own;
      return writer;
    } catch (error) {
      await writer.close();
      throw error;
    }
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
      records.push({ topic, ...this.#codec.encodeTombstone({ node: this.node, slot, time: changes.time }) });
    }
    if (changes.node !== undefined) {
      records.push({ topic, ...(await this.#codec.encodeNodeStatus(topic, changes.node)) });
    }
    if (records.length === 0) {
      return;
    }
    await writer.append(records);
    const own = this.#own;
    this.#written = own;
    own.status = changes.node ?? own.status;
    changes.slots?.forEach((status) => own.remember(status));
    changes.forget?.forEach((slot) => own.forget(slot));
  }

  get #own(): OwnRecords {
    if (this.#written !== undefined) {
      return this.#written;
    }
    const { topic } = this.reader;
    if (this.#read?.topic !== topic) {
      this.#read = { topic, records: OwnRecords.of(topic, this.node) };
    }
    return this.#read.records;
  }
}
