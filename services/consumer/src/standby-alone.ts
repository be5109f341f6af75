import { type PreparedPromotion, type SlotName, topicAlarm } from '@slotcast/domain';
import { type LogReader, type LogRecord, replayTopic } from '@slotcast/event-log';
import { NodeDirectory, nodeWriterId, SlotsFeed } from '@slotcast/hand-off';
import { DatabaseSessions } from '@slotcast/postgres';
import { SlotcastError } from '@slotcast/runtime';
import { type AdoptedSlot, Adoption } from './adoption.ts';
import { Advancer } from './advancer.ts';
import type { ConsumerOptions } from './consumer.ts';
import { Preparation } from './preparation.ts';
import type { SessionRound } from './session-request.ts';
import { SlotFailures } from './slot-failures.ts';
import { emptyPlan, StandbyPlanner } from './standby-planner.ts';
import { StandbyServer } from './standby-server.ts';

/** Between two looks while replay is waited for. */
const LOOK_MS = 20;

/** The last drain before a promotion where no consumer runs: only slots that are slotcast's are moved, none is made or dropped. */
export function prepareAlone(
  options: ConsumerOptions,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<PreparedPromotion> {
  return withStandby(options, signal, (standby) => standby.prepare(timeoutMs));
}

/** The adoption of a slot where no consumer runs. */
export function adoptAlone(
  options: ConsumerOptions,
  slot: SlotName,
  signal: AbortSignal,
): Promise<AdoptedSlot> {
  return withStandby(options, signal, (standby) => standby.adopt(slot));
}

async function withStandby<T>(
  options: ConsumerOptions,
  signal: AbortSignal,
  use: (standby: StandbyAlone) => Promise<T>,
): Promise<T> {
  await options.verifyTopics();
  const server = await StandbyServer.connect(options.postgres, options.clock, signal);
  const standby = new StandbyAlone(options, server, signal);
  try {
    await standby.replay();
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
  readonly #advancer: Advancer;
  readonly #readers: LogReader[] = [];
  #end = 0n;

  constructor(options: ConsumerOptions, server: StandbyServer, signal: AbortSignal) {
    this.#options = options;
    this.#server = server;
    this.#signal = signal;
    const { clock, logger, metrics, nodesTopic } = options;
    const onMalformed = (): void => metrics.malformedRecordsTotal.inc();
    this.#feed = new SlotsFeed({ ...options, onMalformed, onAccepted: () => undefined });
    this.#directory = new NodeDirectory({ ...options, topic: nodesTopic, onMalformed });
    this.#planner = new StandbyPlanner({ ...options, feed: this.#feed, directory: this.#directory });
    this.#sessions = new DatabaseSessions(options.postgres, () => undefined, signal);
    const failures = new SlotFailures(clock, logger, Math.random);
    this.#advancer = new Advancer({ ...options, sessions: this.#sessions, failures, duty: 1, signal });
  }

  async replay(): Promise<void> {
    const { slotsTopic, nodesTopic } = this.#options;
    await this.#read(nodesTopic, (records) => this.#directory.take(records, false));
    this.#end = await this.#read(slotsTopic, (records) => this.#feed.take(records, false));
  }

  async close(): Promise<void> {
    await Promise.allSettled([
      ...this.#readers.map((reader) => reader.close()),
      this.#sessions.close(),
      this.#server.close(),
    ]);
  }

  async prepare(timeoutMs: number): Promise<PreparedPromotion> {
    const feed = this.#feed;
    const end = this.#end;
    const preparation = new Preparation({ ...this.#options, feed, taken: () => end, end, timeoutMs });
    while (!(await preparation.answer(await this.#round()))) {
      await this.#options.clock.sleep(LOOK_MS, this.#signal);
    }
    return preparation.result;
  }

  async adopt(slot: SlotName): Promise<AdoptedSlot> {
    const { log, cluster, node, clock } = this.#options;
    const writer = await log.claim(nodeWriterId(cluster, node));
    try {
      const adoption = new Adoption({
        slot,
        directory: this.#directory,
        sessions: this.#sessions,
        clock,
      });
      await adoption.answer({ ...(await this.#look()), writer });
      return await adoption.result;
    } finally {
      await writer.close();
    }
  }

  async #read(topic: string, onRecords: (records: readonly LogRecord[]) => Promise<void>): Promise<bigint> {
    const { log } = this.#options;
    const reader = await replayTopic({ log, topic, onRecords, signal: this.#signal });
    this.#readers.push(reader);
    return reader.position;
  }

  async #look(): Promise<Pick<SessionRound, 'view' | 'settled' | 'alarm'>> {
    const { node, slotsTopic } = this.#options;
    const view = await this.#server.look(this.#signal);
    if (view === undefined) {
      throw new SlotcastError('SC_NOT_A_STANDBY', `the server of node ${node} is a primary`);
    }
    const known = this.#feed.newestManifest?.systemIdentifier;
    const own = await this.#server.systemIdentifier(this.#signal);
    if (known !== undefined && known !== own) {
      throw new SlotcastError(
        'SC_OTHER_SYSTEM',
        `the topic ${slotsTopic} holds slots of system identifier ${known}, this server has ${own}`,
      );
    }
    const alarm = topicAlarm(this.#feed.newestManifest, view.history, this.#directory.nodes);
    return { view, settled: this.#feed.settle(view), alarm };
  }

  async #round(): Promise<Omit<SessionRound, 'writer'>> {
    const { view, settled, alarm } = await this.#look();
    const work = { probes: new Map(), held: new Map(), unloadable: new Map() };
    const plan = (alarm === undefined ? this.#planner.plan(view, settled, work) : undefined) ?? emptyPlan;
    const advances = plan.verdicts.flatMap(({ action }) => (action?.kind === 'advance' ? [action] : []));
    const moved = new Set(await this.#advancer.run(advances, { urgent: true }));
    const advanced = advances.filter((action) => moved.has(action.slot));
    const advancesLeft = advanced.length < advances.length;
    return { view, settled, alarm, plan, outcome: { stepped: false, advancesLeft, advanced } };
  }
}
