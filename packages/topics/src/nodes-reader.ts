import {
  emptyNodesTopic,
  foldNodes,
  type NodeStatus,
  type NodesRecord,
  type NodesTopic,
  standingWishes,
  type Written,
} from '@slotcast/domain';
import { type ReadRecord, TopicReader } from './topic-reader.ts';
import type { TopicsContext } from './topics-context.ts';

/** The nodes topic as it is read. */
export class NodesReader extends TopicReader<NodesRecord> {
  readonly #slotsOf: string | undefined;
  #topic = emptyNodesTopic;
  #plain: { readonly of: NodesTopic['nodes']; readonly nodes: ReadonlyMap<string, NodeStatus> } | undefined;

  /** With `slotsOf` only the slots of this node are remembered. */
  constructor(context: TopicsContext, { slotsOf }: { readonly slotsOf?: string } = {}) {
    super(context, context.nodesTopic);
    this.#slotsOf = slotsOf;
  }

  get topic(): NodesTopic {
    return this.#topic;
  }

  /** What each node said of itself last; the same map as long as that is the same. */
  get nodes(): ReadonlyMap<string, NodeStatus> {
    const of = this.#topic.nodes;
    if (this.#plain?.of !== of) {
      this.#plain = { of, nodes: new Map([...of].map(([node, { record }]) => [node, record])) };
    }
    return this.#plain.nodes;
  }

  /** Nodes whose wish for a running-xacts record stands now. */
  wishes(): string[] {
    return standingWishes(this.#topic, this.context.silence.clocks.monotonicMs);
  }

  /** Milliseconds since each node was heard of. */
  silentMs(): ReadonlyMap<string, number> {
    const { silence } = this.context;
    return new Map([...this.#topic.nodes].map(([node, heard]) => [node, silence.since(heard)]));
  }

  /** Nodes that were not heard of for longer than that, in milliseconds. */
  silentFor(ms: number): ReadonlySet<string> {
    return new Set([...this.silentMs()].flatMap(([node, silent]) => (silent > ms ? [node] : [])));
  }

  /**
   * How much later than the record of this node the newest of all was stored; infinite without one. By the brokers' clock alone: who takes a name
   * for free fences whoever has it, and must not do that because of a clock here.
   */
  behindNewestMs(node: string): number {
    const own = this.#topic.nodes.get(node);
    return own === undefined ? Number.POSITIVE_INFINITY : this.#topic.newestAt - own.writtenAt;
  }

  protected override async take(records: readonly ReadRecord[]): Promise<readonly NodesRecord[]> {
    const written: Written<NodesRecord>[] = [];
    for (const { stored, heardAtMs } of records) {
      const record = await this.context.codec.decodeNodesRecord(stored);
      if (record.kind === 'malformed') {
        this.skip({ offset: stored.offset, key: record.key, reason: record.reason });
      } else {
        written.push({ record, writtenAt: stored.timestamp, heardAtMs });
      }
    }
    this.#topic = foldNodes(this.#topic, written, this.#slotsOf);
    return written.map(({ record }) => record);
  }
}
