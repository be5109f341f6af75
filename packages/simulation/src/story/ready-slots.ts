import { sharedCodec } from '../log/cached-codec.ts';
import { isReadyCopy } from '../oracle/good-copy.ts';
import { readOrigin } from '../oracle/origin.ts';
import type { ReadySlot } from '../oracle/ready-watch.ts';
import type { Subscriber } from '../people/subscriber.ts';
import type { SimServer } from '../types.ts';
import type { NodeServices } from '../world/node-services.ts';
import { TopicTail } from './topic-tail.ts';

type DecodedNodesRecord = Awaited<ReturnType<typeof sharedCodec.decodeNodesRecord>>;

interface World {
  /** The server that all are led to. */
  readonly primary: SimServer;
  readonly servers: readonly SimServer[];
  readonly subscribers: ReadonlyMap<string, Subscriber>;
}

/** Follows both topics, and tells which slots of the standbys are called ready. */
export class ReadySlots {
  readonly #nodes: TopicTail;
  readonly #slots: TopicTail;
  /** What is to be taken from a time of Kafka's to have one of the world. */
  readonly #epochMs: () => number;
  /** Names of slots by node. */
  readonly #ready = new Map<string, Set<string>>();
  readonly #nodeHeardAt = new Map<string, number>();
  readonly #publisherHeardAt = new Map<string, number>();

  constructor({ broker, topics }: NodeServices, epochMs: () => number) {
    this.#nodes = new TopicTail(broker, topics.nodes);
    this.#slots = new TopicTail(broker, topics.slots);
    this.#epochMs = epochMs;
  }

  /** Each standby that has nothing but WAL of the primary counts. */
  async read({ primary, servers, subscribers }: World): Promise<ReadySlot[]> {
    await this.#readNodes();
    this.#readSlots();
    if (!primary.running || primary.inRecovery) {
      return [];
    }
    const { line } = primary;
    return servers
      .filter((server) => server.running && server.inRecovery && line.partsAt(server.line) >= server.line.end)
      .flatMap((server) => this.#readyOn(server, primary.node, subscribers));
  }

  #readyOn(server: SimServer, primary: string, subscribers: World['subscribers']): ReadySlot[] {
    const { node } = server;
    const heard = {
      nodeHeardAt: this.#nodeHeardAt.get(node) ?? 0,
      publisherHeardAt: this.#publisherHeardAt.get(primary) ?? 0,
    };
    return [...(this.#ready.get(node) ?? [])].flatMap((slot) => {
      const { incarnation, asksFor } = subscribers.get(slot) ?? {};
      return incarnation === undefined
        ? []
        : [{ node, slot, ...heard, isGood: isReadyCopy(server, incarnation, { asksFor }) }];
    });
  }

  async #readNodes(): Promise<void> {
    for (const record of this.#nodes.take()) {
      this.#take(await sharedCodec.decodeNodesRecord(record), record.timestamp - this.#epochMs());
    }
  }

  #take(status: DecodedNodesRecord, heardAt: number): void {
    if (status.kind === 'malformed') {
      return;
    }
    const ready = this.#ready.get(status.node) ?? new Set<string>();
    this.#ready.set(status.node, ready);
    if (status.kind === 'node') {
      this.#nodeHeardAt.set(status.node, heardAt);
    } else if (status.slot === undefined) {
      ready.clear();
    } else if (status.kind === 'node_slot' && status.state === 'ready') {
      ready.add(status.slot);
    } else {
      ready.delete(status.slot);
    }
  }

  #readSlots(): void {
    for (const record of this.#slots.take()) {
      const origin = readOrigin(record.headers);
      if (origin !== undefined) {
        this.#publisherHeardAt.set(origin.node, record.timestamp - this.#epochMs());
      }
    }
  }
}
