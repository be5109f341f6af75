import {
  HAND_OFF_LEASE_MS,
  HAND_OFF_RECORD_MS,
  HandedOver,
  type NodeFacts,
  type Ownership,
  otherPrimaries,
  type Promotion,
  physicalSlotPins,
  primaryStatus,
  promotionSlotStatuses,
  type RaisedFence,
  SAFETY_PATIENCE_MS,
  type SlotName,
  type TimelineStart,
} from '@slotcast/domain';
import type { LogWriter } from '@slotcast/event-log';
import { errorText } from '@slotcast/kernel';
import { NodeDirectory, type NodesReader, SlotsFeed, type TopicsContext } from '@slotcast/topics';
import { raiseFenceEarly } from './early-fence.ts';
import type { EndedRecovery } from './ended-recovery.ts';
import {
  type HandOffOptions,
  type HandOffOutcome,
  handOff,
  makeSafe,
  type NodeKnowledge,
} from './hand-off.ts';
import { HandOffLease } from './hand-off-lease.ts';
import type { NodeLock } from './node-lock.ts';
import type { ReportRole } from './role-tracker.ts';

/** Between two looks whether the lock of the node is free, unless a record arrives before. */
const LOCK_LOOK_MS = 200;

/** What a hand-off needs to read and write the topics itself. */
export interface TopicHandOffOptions
  extends Omit<HandOffOptions, 'knowledge' | 'drain' | 'slotsBefore' | 'ended' | 'lease' | 'acted'> {
  readonly topics: TopicsContext;
  /** Has replayed the nodes topic, however long ago, and remembers the slots of this node. */
  readonly nodes: NodesReader;
  readonly facts: Omit<NodeFacts, 'physicalSlots' | 'lineage' | 'unreadableSlots'>;
  /** How the server's timeline began; absent when it was never promoted. */
  readonly start: TimelineStart | undefined;
  /** There when the server has not been promoted since slots were published last: then only the record is looked up. */
  readonly noneNeeded: HandedOver | undefined;
  /** On record already, but it did not know all that was published: it is done once more. */
  readonly unfinished?: Promotion | undefined;
  /** What this process's guard saw of the end of recovery, once it is done with it. */
  readonly awaitEnd: (signal: AbortSignal) => Promise<EndedRecovery | undefined>;
  /** Of the node, on a session that lasts as long as this. */
  readonly lock: NodeLock;
  /** Shows that a process of the node has done what must not wait. */
  readonly safe: NodeLock;
  /** What this process did for the promotion before. */
  readonly acted: () => HandOffOptions['acted'];
  readonly report: ReportRole;
  /** Called when both topics are read to their end. */
  readonly onRead: () => void;
  /** Called before each step. */
  readonly progressed: () => void;
}

/** That the slots are handed over, and which of them this node owns by the topics. */
export interface SettledHandOff {
  readonly handedOver: HandedOver;
  readonly ownership: ReadonlyMap<SlotName, Ownership>;
}

/**
 * The hand-off by a process that does not follow the topics: reads them from the beginning, raises the fence at once, waits for whoever holds the
 * lock of the node to do the rest, and does it itself when nobody does, or when that takes too long. `undefined` when nothing is on
 * record for the server's timeline after that: the server is in recovery again, or was never promoted to it.
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
  #isSafe = false;
  #acted: HandOffOptions['acted'];

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
    const { nodes, noneNeeded, report, signal } = this.#options;
    if (noneNeeded !== undefined) {
      // Nobody waits for the fence, and the promotion on record must not be missed.
      await nodes.readToWrittenEnd(signal);
      report('none_needed');
      return this.#onRecord() ?? noneNeeded;
    }
    await nodes.readToEnd(signal);
    const done = this.#onRecord() ?? (await this.#inTurn());
    report(done === undefined ? 'not_promoted' : 'recorded');
    return done;
  }

  async close(): Promise<void> {
    await Promise.allSettled([
      this.#feed.reader.close(),
      this.#writer?.close(),
      this.#options.lock.release(),
    ]);
  }

  /** Raises the fence, and does the rest when it is this process's turn, unless another one puts it on record. */
  async #inTurn(): Promise<HandedOver | undefined> {
    const { topics, clock, onRead, awaitEnd, signal } = this.#options;
    await this.#feed.reader.replay(signal);
    onRead();
    const knowledge = knowledgeOf(this.#feed, this.#directory);
    const ended = await awaitEnd(signal);
    const early = await raiseFenceEarly({ ...this.#options, ended, knowledge });
    const byOther = await this.#awaitLock(() => this.#makeSafe(withPasses(ended, early)));
    if (byOther !== undefined) {
      return byOther;
    }
    await this.#makeSafe(withPasses(ended, early));
    const writer = await this.#directory.claim({ log: topics.log, signal });
    this.#writer = writer;
    // What it had begun goes on so long, and it may have come to its end before it was fenced.
    await clock.sleep(HAND_OFF_LEASE_MS, signal);
    return this.#onRecord() ?? (await this.#handOver(writer, early));
  }

  /** `early`: of the fence that was raised before this process was to hand over. */
  async #handOver(writer: LogWriter, early: readonly RaisedFence[]): Promise<HandedOver | undefined> {
    const { facts, clock, awaitEnd, report, progressed, signal } = this.#options;
    const lease = new HandOffLease({ clock, prove: () => this.#prove(writer), onStep: progressed });
    const ended = withPasses(await awaitEnd(signal), early);
    const knowledge = knowledgeOf(this.#feed, this.#directory);
    report('hand_over');
    // One writer alone appends to the slots topic: nothing that is committed lies behind an open transaction of it.
    const drain = (): Promise<void> => this.#feed.reader.readToEnd(signal);
    const acted = this.#acted ?? this.#options.acted();
    const own = { lease, slotsBefore: undefined, ended, knowledge, drain, acted };
    const outcome = await handOff({ ...this.#options, ...own });
    if (outcome !== undefined) {
      const lineage = this.#feed.newestManifest?.lineage;
      await recordHandOff({ directory: this.#directory, writer, outcome, facts, lineage, clock });
    }
    return this.#onRecord();
  }

  /**
   * Does what must neither wait for the turn of this process nor for its claim, once, and unless another process has done it. Where that fails the hand-off does it
   * later.
   */
  async #makeSafe(ended: EndedRecovery | undefined): Promise<void> {
    const { safe, progressed, logger, signal } = this.#options;
    if (this.#isSafe) {
      return;
    }
    this.#isSafe = true;
    try {
      if (await safe.isHeldElsewhere(signal)) {
        return;
      }
      const lease = {
        assertHeld: () => {
          progressed();
          return Promise.resolve();
        },
      };
      const knowledge = knowledgeOf(this.#feed, this.#directory);
      const acted = this.#options.acted();
      const own = { lease, slotsBefore: undefined, ended, knowledge, acted };
      const done = await makeSafe({ ...this.#options, ...own });
      this.#acted = done?.promotion;
    } catch (error) {
      signal.throwIfAborted();
      logger.error(
        { error: errorText(error) },
        'what has to be done at once after a promotion was not done: the hand-off will do it',
      );
    }
  }

  /** Writes the node's record anew, as it is: whoever was fenced cannot. */
  #prove(writer: LogWriter): Promise<void> {
    const { facts, clock } = this.#options;
    const time = clock.now();
    const own = this.#directory.own ?? primaryStatus({ ...facts, physicalSlots: [] }, undefined, time);
    return this.#directory.write(writer, { node: { ...own, time }, time });
  }

  #onRecord(): HandedOver | undefined {
    const { unfinished, start } = this.#options;
    const done = HandedOver.onRecord(this.#directory.own, start);
    return unfinished !== undefined && done?.promotion?.time === unfinished.time ? undefined : done;
  }

  /**
   * Resolves when this process has the lock of the node, with the record when another one has written it, and when the holder has had its time. `onPatient`
   * is called when it should have done what must not wait, whatever it waits for itself.
   */
  async #awaitLock(onPatient: () => Promise<void>): Promise<HandedOver | undefined> {
    const { lock, nodes, report, clock, signal, logger } = this.#options;
    const patienceMs = HAND_OFF_RECORD_MS;
    const started = clock.monotonicMs();
    for (let told = false; !(await lock.tryTake(signal)); told = true) {
      if (!told) {
        report('peer_awaited');
        logger.info({ patienceMs }, 'the server was promoted: waiting for whoever is handing its slots over');
      }
      if (clock.monotonicMs() - started >= patienceMs) {
        logger.warn({ patienceMs }, 'the slots were not handed over in time: doing it here');
        await lock.endHolder(signal);
        // One of another role stays, and its time is over all the same.
        await lock.tryTake(signal);
        return undefined;
      }
      if (clock.monotonicMs() - started >= SAFETY_PATIENCE_MS) {
        await onPatient();
      }
      await nodes.nextWithin(LOCK_LOOK_MS, signal);
      const record = this.#onRecord();
      if (record !== undefined) {
        return record;
      }
    }
    // Whoever held it may have written the record right before.
    await nodes.readToEnd(signal);
    return this.#onRecord();
  }
}

function withPasses(
  ended: EndedRecovery | undefined,
  early: readonly RaisedFence[],
): EndedRecovery | undefined {
  return ended === undefined ? undefined : { ...ended, passes: [...ended.passes, ...early] };
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
      return reasonsOf(directory);
    },
    get prepared() {
      return preparedElsewhere(directory);
    },
    get promotions() {
      return promotionsOf(directory);
    },
    get others() {
      return othersOf(directory);
    },
    get earlier() {
      return directory.own?.promotion;
    },
  };
}

/** What the nodes topic says of a node, as of now. */
export function nodeKnowledge(directory: NodeDirectory): NodeKnowledge {
  return {
    ownership: directory.ownership,
    reasons: reasonsOf(directory),
    prepared: preparedElsewhere(directory),
    promotions: promotionsOf(directory),
    others: othersOf(directory),
    earlier: directory.own?.promotion,
  };
}

function reasonsOf({ written }: NodeDirectory): NodeKnowledge['reasons'] {
  return new Map([...written].map(([slot, { reasons }]) => [slot, reasons]));
}

function preparedElsewhere({ node: own, nodes }: NodeDirectory): NodeKnowledge['prepared'] {
  return [...nodes.values()].flatMap(({ node, role, preparedTransactions }) =>
    node !== own && role === 'primary' ? (preparedTransactions ?? []) : [],
  );
}

function othersOf({ node, nodes, reader }: NodeDirectory): NodeKnowledge['others'] {
  return otherPrimaries(node, nodes.values(), reader.silentMs());
}

function promotionsOf({ nodes }: NodeDirectory): NodeKnowledge['promotions'] {
  return [...nodes.values()].flatMap(({ promotion }) => promotion ?? []);
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
    slots: promotionSlotStatuses(facts.node, promotion, {
      kept,
      owned: directory.ownership,
      here: outcome.local,
      time,
    }),
    time,
  });
}
