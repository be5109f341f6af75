import {
  LogUnavailableError,
  MemoryTopic,
  type MemoryTransaction,
  type NewRecord,
  type NewTopic,
  WriterFencedError,
} from '@slotcast/event-log';
import type { World } from '../types.ts';

/** What a broker needs of the world. */
export type BrokerWorld = Pick<World, 'after' | 'chance'>;

/** `transaction.timeout.ms` of slotcast's writers, and how often the broker looks for transactions that are over it. */
const TRANSACTION_TIMEOUT_MS = 10_000;
const TIMEOUT_LOOK_MS = 10_000;

interface OpenTransaction {
  readonly transaction: MemoryTransaction;
  readonly topics: Set<MemoryTopic>;
}

/** Who writes: a transactional id, and which claim of it. */
export interface Claim {
  readonly transactionalId: string;
  readonly epoch: number;
}

/** The brokers, all as one, and what they have. What is called here happens at once. */
export class SimBroker {
  readonly clusterId = 'simulated';
  readonly #world: BrokerWorld;
  /** Milliseconds since 1970. */
  readonly #now: () => number;
  readonly #topics = new Map<string, MemoryTopic>();
  readonly #epochs = new Map<string, number>();
  readonly #open = new Map<string, OpenTransaction>();
  readonly #watchers = new Set<() => void>();
  #transactions = 0;

  constructor(world: BrokerWorld, now: () => number) {
    this.#world = world;
    this.#now = now;
  }

  topic(name: string): MemoryTopic | undefined {
    return this.#topics.get(name);
  }

  /** False when the topic was there already. */
  createTopic(topic: NewTopic): boolean {
    if (this.#topics.has(topic.topic)) {
      return false;
    }
    this.#topics.set(topic.topic, new MemoryTopic(topic));
    return true;
  }

  /** Calls `work` after each change of any topic. Returns what ends it. */
  watch(work: () => void): () => void {
    this.#watchers.add(work);
    return () => {
      this.#watchers.delete(work);
    };
  }

  claim(transactionalId: string): Claim {
    const epoch = (this.#epochs.get(transactionalId) ?? 0) + 1;
    this.#epochs.set(transactionalId, epoch);
    this.#end(transactionalId, 'aborted');
    return { transactionalId, epoch };
  }

  /**
   * Adds records to the transaction of a writer, and begins one if there is none; returns where each of them is. Throws a WriterFencedError or a
   * LogUnavailableError.
   */
  produce(
    claim: Claim,
    records: readonly NewRecord[],
  ): readonly { readonly topic: string; readonly offset: bigint }[] {
    this.#assertNewest(claim);
    const placed = records.map((record) => ({
      record,
      topic: this.existing(record.topic, `append to topic ${record.topic}`),
    }));
    const open = this.#open.get(claim.transactionalId) ?? this.#begin(claim);
    return placed.map(({ record, topic }) => {
      open.topics.add(topic);
      return { topic: record.topic, offset: topic.append(record, open.transaction, this.#now()) };
    });
  }

  /** Throws a WriterFencedError, also when the transaction took too long. */
  commit(claim: Claim): void {
    this.#assertNewest(claim);
    this.#end(claim.transactionalId, 'committed');
  }

  /** Throws a WriterFencedError, also when the transaction took too long. */
  abort(claim: Claim): void {
    this.#assertNewest(claim);
    this.#end(claim.transactionalId, 'aborted');
  }

  /** Compacts a topic now, as the log cleaner does at times of its own. */
  compact(topic: string): void {
    this.existing(topic, `compact topic ${topic}`).compact(this.#now());
    this.#changed();
  }

  /** Deletes a topic and creates an empty one of the same name and settings. */
  recreateTopic(topic: string): void {
    const { settings } = this.existing(topic, `recreate topic ${topic}`);
    this.#topics.set(topic, new MemoryTopic(settings));
    this.#changed();
  }

  /** Throws a LogUnavailableError. */
  existing(topic: string, attempt: string): MemoryTopic {
    const existing = this.#topics.get(topic);
    if (existing === undefined) {
      throw new LogUnavailableError(`could not ${attempt}: it does not exist; create it first`);
    }
    return existing;
  }

  #begin({ transactionalId, epoch }: Claim): OpenTransaction {
    const open = {
      transaction: { state: 'open' } satisfies MemoryTransaction,
      topics: new Set<MemoryTopic>(),
    };
    this.#open.set(transactionalId, open);
    this.#transactions += 1;
    const spareMs = this.#world.chance('transaction timeout', this.#transactions) * TIMEOUT_LOOK_MS;
    this.#world.after(TRANSACTION_TIMEOUT_MS + spareMs, () => {
      if (this.#open.get(transactionalId) === open) {
        // The broker fences who was too slow.
        this.#epochs.set(transactionalId, epoch + 1);
        this.#end(transactionalId, 'aborted');
      }
    });
    return open;
  }

  #end(transactionalId: string, state: 'committed' | 'aborted'): void {
    const open = this.#open.get(transactionalId);
    if (open === undefined) {
      return;
    }
    this.#open.delete(transactionalId);
    open.transaction.state = state;
    for (const topic of open.topics) {
      topic.mark(open.transaction);
    }
    this.#changed();
  }

  #assertNewest({ transactionalId, epoch }: Claim): void {
    if (this.#epochs.get(transactionalId) !== epoch) {
      throw new WriterFencedError(`could not append as ${transactionalId}: a later claim took over`);
    }
  }

  #changed(): void {
    for (const work of Array.from(this.#watchers)) {
      work();
    }
  }
}
