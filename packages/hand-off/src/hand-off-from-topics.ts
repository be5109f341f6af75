import {
  HAND_OFF_LEASE_MS,
  HandedOver,
  type NodeFacts,
  type Ownership,
  physicalSlotPins,
  primaryStatus,
  promotionSlotStatuses,
  type SlotName,
} from '@slotcast/domain';
import type { LogWriter } from '@slotcast/event-log';
import { Deadline } from '@slotcast/kernel';
import { NodeDirectory, type NodesReader, SlotsFeed, type TopicsContext } from '@slotcast/topics';
import { type HandOffOptions, type HandOffOutcome, handOff, raiseFenceEarly } from './hand-off.ts';
import { HandOffLease } from './hand-off-lease.ts';
import type { EndedRecovery } from './recovery-guard.ts';
import type { ReportRole } from './role-tracker.ts';

/** What a hand-off needs to read and write the topics itself. */
export interface TopicHandOffOptions
  extends Omit<HandOffOptions, 'knowledge' | 'drain' | 'slotsBefore' | 'ended' | 'lease'> {
  readonly topics: TopicsContext;
  /** Has replayed the nodes topic, however long ago, and remembers the slots of this node. */
  readonly nodes: NodesReader;
  readonly cluster: string;
  readonly facts: Omit<NodeFacts, 'physicalSlots' | 'lineage' | 'unreadableSlots'>;
  /** There when the server has not been promoted since slots were published last: then only the record is looked up. */
  readonly noneNeeded: HandedOver | undefined;
  /** What this process's guard saw of the end of recovery, once it is done with it. */
  readonly awaitEnd: (signal: AbortSignal) => Promise<EndedRecovery | undefined>;
  /** How long another process of this node, which saw the end of recovery, is waited for. */
  readonly patienceMs: number;
  readonly report: ReportRole;
}

/** That the slots are handed over, and which of them this node owns by the topics. */
export interface SettledHandOff {
  readonly handedOver: HandedOver;
  readonly ownership: ReadonlyMap<SlotName, Ownership>;
}

/**
 * The hand-off by a process that does not follow the topics: reads them from the beginning, raises the fence at once, waits for the
 * node's consumer to do the rest, and does it itself, fencing the consumer, when that takes too long. `undefined` when nothing is on
 * record for the timeline of the facts after that: the server is in recovery again, or was never promoted to it.
 */
export async function handOffFromTopics(options: TopicHandOffOptions): Promise<SettledHandOff | undefined> {
  const run = new TopicHandOff(options);
  try {
    const handedOver = await run.run();
    return handedOver && { handedOver, ownership: run.ownership };
  } finally {
    await run.close();
  }
}

class TopicHandOff {
  readonly #options: TopicHandOffOptions;
  readonly #feed: SlotsFeed;
  readonly #directory: NodeDirectory;
  #writer: LogWriter | undefined;

  constructor(options: TopicHandOffOptions) {
    this.#options = options;
    const { topics, nodes, facts } = options;
    this.#feed = new SlotsFeed(topics);
    this.#directory = new NodeDirectory({ ...topics, node: facts.node, reader: nodes });
  }

  get ownership(): ReadonlyMap<SlotName, Ownership> {
    return this.#directory.ownership;
  }

  async run(): Promise<HandedOver | undefined> {
    const { nodes, topics, facts, cluster, clock, noneNeeded, report, signal } = this.#options;
    if (noneNeeded !== undefined) {
      // Nobody waits for the fence, and the promotion on record must not be missed.
      await nodes.readToWrittenEnd(signal);
      report('none_needed');
      return this.#onRecord() ?? noneNeeded;
    }
    await nodes.readToEnd(signal);
    const earlier = this.#onRecord();
    if (earlier !== undefined) {
      report('recorded');
      return earlier;
    }
    const slots = this.#feed.reader;
    await slots.replay(signal);
    const knowledge = knowledgeOf(this.#feed, this.#directory);
    const { awaitEnd } = this.#options;
    const early = await raiseFenceEarly({ ...this.#options, ended: await awaitEnd(signal), knowledge });
    await this.#awaitConsumer();
    const byConsumer = this.#onRecord();
    if (byConsumer !== undefined) {
      report('recorded');
      return byConsumer;
    }
    const writer = await this.#directory.claim({ log: topics.log, cluster, signal });
    this.#writer = writer;
    // What it had begun goes on so long, and it may have come to its end before it was fenced.
    await clock.sleep(HAND_OFF_LEASE_MS, signal);
    const justBefore = this.#onRecord();
    if (justBefore !== undefined) {
      report('recorded');
      return justBefore;
    }
    const lease = new HandOffLease({ clock, heldUntilMs: 0, prove: () => this.#prove(writer) });
    const seen = await awaitEnd(signal);
    const ended = seen === undefined ? undefined : { ...seen, passes: [...seen.passes, ...early] };
    report('hand_over');
    // One writer alone appends to the slots topic: nothing that is committed lies behind an open transaction of it.
    const drain = (): Promise<void> => slots.readToEnd(signal);
    const outcome = await handOff({
      ...this.#options,
      lease,
      slotsBefore: undefined,
      ended,
      knowledge,
      drain,
    });
    if (outcome !== undefined) {
      const lineage = this.#feed.newestManifest?.lineage;
      await recordHandOff({ directory: this.#directory, writer, outcome, facts, lineage, clock });
    }
    const done = this.#onRecord();
    report(done === undefined ? 'not_promoted' : 'recorded');
    return done;
  }

  async close(): Promise<void> {
    await Promise.allSettled([this.#feed.reader.close(), this.#writer?.close()]);
  }

  /** Writes the node's record anew, as it is: whoever was fenced cannot. */
  #prove(writer: LogWriter): Promise<void> {
    const { facts, clock } = this.#options;
    const time = clock.now();
    const own = this.#directory.own ?? primaryStatus({ ...facts, physicalSlots: [] }, undefined, time);
    return this.#directory.write(writer, { node: { ...own, time }, time });
  }

  #onRecord(): HandedOver | undefined {
    return HandedOver.onRecord(this.#directory.own, this.#options.facts.timeline);
  }

  /** Waits for the record of this node's consumer, if there ever was one. */
  async #awaitConsumer(): Promise<void> {
    const { nodes, patienceMs, report, signal, logger } = this.#options;
    if (patienceMs > 0 && this.#directory.own?.role !== 'standby') {
      // A consumer that had just begun may be at work, with its record behind the open transaction of another node.
      await nodes.readToWrittenEnd(signal);
    }
    if (patienceMs === 0 || this.#directory.own?.role !== 'standby') {
      return;
    }
    report('peer_awaited');
    logger.info({ patienceMs }, 'the server was promoted: waiting for its consumer to hand the slots over');
    using patience = new Deadline(signal, patienceMs);
    try {
      while (this.#onRecord() === undefined) {
        await nodes.next(patience.signal);
      }
    } catch (error) {
      signal.throwIfAborted();
      if (!patience.expired) {
        throw error;
      }
      logger.warn({ patienceMs }, 'the consumer did not hand the slots over in time: the publisher does it');
    }
  }
}

/** What the topics say, always as of now. */
export function knowledgeOf(feed: SlotsFeed, directory: NodeDirectory): HandOffOptions['knowledge'] {
  return {
    node: directory.node,
    publishedOn: (history) => feed.publishedOn(history),
    get ownership() {
      return directory.ownership;
    },
    get reasons() {
      return new Map([...directory.written].map(([slot, { reasons }]) => [slot, reasons]));
    },
    get promotions() {
      return [...directory.nodes.values()].flatMap(({ promotion }) => promotion ?? []);
    },
    get earlier() {
      return directory.own?.promotion;
    },
  };
}

/** Commits the outcome to the nodes topic: from then on the publisher of this node may claim the slots topic. */
export async function recordHandOff(options: {
  readonly directory: NodeDirectory;
  readonly writer: LogWriter;
  readonly outcome: HandOffOutcome;
  readonly facts: Omit<NodeFacts, 'physicalSlots' | 'lineage' | 'unreadableSlots' | 'timeline'>;
  readonly lineage: string | undefined;
  readonly clock: HandOffOptions['clock'];
}): Promise<void> {
  const { directory, writer, outcome, facts, lineage, clock } = options;
  const { promotion, kept } = outcome;
  const time = clock.now();
  const physicalSlots = physicalSlotPins(outcome.local);
  await directory.write(writer, {
    node: primaryStatus({ ...facts, timeline: promotion.timeline, physicalSlots, lineage }, promotion, time),
    slots: promotionSlotStatuses(facts.node, promotion, kept, time),
    time,
  });
}
