import { type Plan, type PreparedPromotion, type SlotName, topicAlarm } from '@slotcast/domain';
import { Doorbell, type ErrorCode, SlotcastError } from '@slotcast/kernel';
import { copySlot, DatabaseSessions } from '@slotcast/postgres';
import { NodeDirectory, NodesReader, SlotsFeed, serviceTopics } from '@slotcast/topics';
import type { ConsumerOptions } from './consumer.ts';
import { DecodingBudget } from './moves/decoding-budget.ts';
import { Mover, runAdvances } from './moves/mover.ts';
import { PluginWatch } from './moves/plugin-watch.ts';
import { awaitStandbyName } from './node-name.ts';
import { type AdoptedSlot, Adoption } from './requests/adoption.ts';
import { Preparation } from './requests/preparation.ts';
import type { SessionRound } from './requests/session-request.ts';
import { SlotFailures } from './slot-failures.ts';
import { emptyPlan, StandbyPlanner } from './standby-planner.ts';
import { StandbyServer } from './standby-server.ts';
import { within } from './within.ts';

/** Between two looks while replay is waited for. */
const LOOK_MS = 20;

/** Between a preparation's end and the judgement there is one more look. */
const ROUND_MS = 1000;
/** What an adoption may take, from the first connection on. */
const ADOPTION_MS = 60_000;

/**
 * The last drain before a promotion where no consumer runs: only slots that are slotcast's are moved, none is made or dropped. Answers in time, or
 * rejects with an error that says what did not.
 */
export function prepareAlone(
  options: ConsumerOptions,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<PreparedPromotion> {
  const deadline = options.clock.monotonicMs() + timeoutMs;
  return within(
    withStandby({ ...options, deadline, signal }, (standby) => standby.prepare(deadline)),
    timeoutMs + ROUND_MS,
    signal,
    { code: 'SC_POSTGRES_UNREACHABLE', message: 'the PostgreSQL server of this node did not answer in time' },
  );
}

/** The adoption of a slot where no consumer runs. */
export function adoptAlone(
  options: ConsumerOptions,
  slot: SlotName,
  signal: AbortSignal,
): Promise<AdoptedSlot> {
  const deadline = options.clock.monotonicMs() + ADOPTION_MS;
  return withStandby({ ...options, deadline, signal }, (standby) => standby.adopt(slot));
}

interface AloneOptions extends ConsumerOptions {
  /** When the standby has to be known, in monotonic milliseconds. */
  readonly deadline: number;
  readonly signal: AbortSignal;
}

async function withStandby<T>(options: AloneOptions, use: (standby: StandbyAlone) => Promise<T>): Promise<T> {
  const { clock, deadline, signal, postgres } = options;
  const inTime = <S>(promise: Promise<S>, code: ErrorCode, what: string): Promise<S> => {
    const message = `there was no time left for ${what}: it did not answer, or not soon enough`;
    return within(promise, Math.max(0, deadline - clock.monotonicMs()), signal, { code, message });
  };
  await inTime(options.verifyTopics(), 'SC_KAFKA_UNREACHABLE', 'the topics');
  const server = await inTime(
    StandbyServer.connect(postgres, clock, signal),
    'SC_POSTGRES_UNREACHABLE',
    'the PostgreSQL server of this node',
  );
  const standby = new StandbyAlone(options, server, signal);
  try {
    await inTime(standby.replay(), 'SC_KAFKA_UNREACHABLE', 'reading the topics');
    return await use(standby);
  } finally {
    await standby.close();
  }
}

class StandbyAlone {
  readonly #options: ConsumerOptions;
  readonly #server: StandbyServer;
  readonly #signal: AbortSignal;
  readonly #feed: SlotsFeed;
  readonly #directory: NodeDirectory;
  readonly #planner: StandbyPlanner;
  readonly #sessions: DatabaseSessions;
  readonly #mover: Mover;
  readonly #failures: SlotFailures;
  readonly #plugins: PluginWatch;

  constructor(options: ConsumerOptions, server: StandbyServer, signal: AbortSignal) {
    this.#options = options;
    this.#server = server;
    this.#signal = signal;
    const { node, clock, logger } = options;
    const topics = serviceTopics(options);
    this.#feed = new SlotsFeed(topics);
    const reader = new NodesReader(topics, { slotsOf: node });
    this.#directory = new NodeDirectory({ ...topics, node, reader });
    this.#planner = new StandbyPlanner({ ...options, feed: this.#feed, directory: this.#directory });
    this.#sessions = new DatabaseSessions(options.postgres, () => undefined, signal);
    this.#failures = new SlotFailures(clock, logger, Math.random);
    const parts = { sessions: this.#sessions, failures: this.#failures };
    const budget = new DecodingBudget(1, clock);
    this.#mover = new Mover({ ...options, ...parts, budget, onEnd: () => undefined, signal });
    this.#plugins = new PluginWatch({ ...options, ...parts, doorbell: new Doorbell(), signal });
  }

  async replay(): Promise<void> {
    await this.#directory.reader.replay(this.#signal);
    await this.#feed.reader.replay(this.#signal);
  }

  async close(): Promise<void> {
    await Promise.allSettled([
      this.#directory.reader.close(),
      this.#feed.reader.close(),
      this.#plugins.close(),
      this.#mover.close(),
      this.#sessions.close(),
      this.#server.close(),
    ]);
  }

  async prepare(deadline: number): Promise<PreparedPromotion> {
    const { clock } = this.#options;
    const { reader: nodes } = this.#directory;
    const { reader: slots } = this.#feed;
    const timeoutMs = Math.max(0, deadline - clock.monotonicMs());
    const done = new AbortController();
    const signal = AbortSignal.any([this.#signal, done.signal]);
    const taken = (): bigint => slots.taken;
    const read = { feed: this.#feed, taken, end: slots.taken };
    const preparation = new Preparation({ ...this.#options, ...read, timeoutMs, signal });
    try {
      // A publisher that is alive may have a word to say yet.
      return await Promise.race([
        // Its own records, too, which the open transaction of another node may have hidden: this process writes none meanwhile.
        nodes.follow(signal, () => undefined),
        slots.follow(signal, () => undefined),
        this.#prepare(preparation),
      ]);
    } finally {
      done.abort();
    }
  }

  async #prepare(preparation: Preparation): Promise<PreparedPromotion> {
    while (!(await preparation.answer(await this.#round()))) {
      await this.#options.clock.sleep(LOOK_MS, this.#signal);
    }
    return preparation.result;
  }

  async adopt(slot: SlotName): Promise<AdoptedSlot> {
    const { log, clock, policy } = this.#options;
    await this.#awaitNodeName();
    const writer = await this.#directory.claim({ log, signal: this.#signal });
    try {
      const adoption = new Adoption({
        slot,
        policy,
        directory: this.#directory,
        sessions: this.#sessions,
        clock,
        signal: this.#signal,
      });
      await adoption.answer({ ...(await this.#look()), writer });
      return await adoption.result;
    } finally {
      await writer.close();
    }
  }

  /** The claim would fence a consumer that works under this name beside another server. */
  async #awaitNodeName(): Promise<void> {
    await awaitStandbyName({
      ...this.#options,
      // This process is none of the node's services.
      instance: '',
      server: this.#server,
      directory: this.#directory,
      manifest: () => this.#feed.newestManifest,
      signal: this.#signal,
    });
  }

  async #look(): Promise<Pick<SessionRound, 'view' | 'settled' | 'alarm'>> {
    const { node, slotsTopic } = this.#options;
    const view = await this.#server.look(this.#signal);
    if (view === undefined) {
      throw new SlotcastError('SC_NOT_A_STANDBY', `the server of node ${node} is a primary`);
    }
    const known = this.#feed.newestManifest?.systemIdentifier;
    const own = this.#server.identity.systemIdentifier;
    if (known !== undefined && known !== own) {
      throw new SlotcastError(
        'SC_OTHER_SYSTEM',
        `the topic ${slotsTopic} holds slots of system identifier ${known}, this server has ${own}`,
      );
    }
    const alarm = topicAlarm(this.#feed.newestManifest, view.history, this.#directory.nodes);
    return { view, settled: this.#feed.settle(view), alarm };
  }

  /** Slots that got lost while a consumer made them anew. */
  async #restore({ verdicts }: Plan): Promise<void> {
    for (const { action } of verdicts) {
      if (action?.kind === 'restore') {
        try {
          await copySlot(
            await this.#sessions.get(action.database),
            { source: action.leader, target: action.slot, plugin: action.plugin },
            this.#signal,
          );
        } catch (error) {
          this.#signal.throwIfAborted();
          this.#failures.failed(action.slot, 'making the slot again', error);
        }
      }
    }
  }

  async #round(): Promise<Omit<SessionRound, 'writer'>> {
    const { view, settled, alarm } = await this.#look();
    this.#plugins.look(view.slots);
    const { unloadable, isChecking: stepped } = this.#plugins;
    // Nothing is recorded from here, so what was to be made anew stays recorded.
    const remaking = { slots: new Set(this.#directory.ownership.keys()), leaders: new Set<SlotName>() };
    const work = { probes: new Map(), held: this.#failures.held(), unloadable, remaking };
    const plan = (alarm === undefined ? this.#planner.plan(view, settled, work) : undefined) ?? emptyPlan;
    await this.#restore(plan);
    const moved = await runAdvances(this.#mover, plan, { upTo: view.replayLsn, urgent: true });
    return { view, settled, alarm, plan, outcome: { stepped, ...moved } };
  }
}
