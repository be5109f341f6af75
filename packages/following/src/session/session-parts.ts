import {
  type Manifest,
  type OpenTransaction,
  type PlanPolicy,
  reason,
  type SlotEvent,
  waitsForTransactions,
} from '@slotcast/domain';
import type { Clock, Logger } from '@slotcast/kernel';
import type { ConsumerMetrics } from '@slotcast/observability';
import { DatabaseSessions, type PostgresOptions } from '@slotcast/postgres';
import { NodeDirectory, NodesReader, SlotsFeed, type TopicsContext } from '@slotcast/topics';
import { DecodingBudget } from '../moves/decoding-budget.ts';
import { warnOfLoudLog } from '../moves/loud-log.ts';
import { Mover } from '../moves/mover.ts';
import { PluginWatch } from '../moves/plugin-watch.ts';
import { SlotProofs } from '../proof/slot-proofs.ts';
import { RestartWorker } from '../restart/restart-worker.ts';
import { SlotFailures } from '../slot-failures.ts';
import type { WorkUnderWay } from '../standby-planner.ts';
import { Creations } from '../steps/creations.ts';
import { SessionBell } from './session-bell.ts';

export interface SessionPartsOptions {
  readonly node: string;
  readonly topics: TopicsContext;
  readonly policy: Pick<PlanPolicy, 'allowedPlugins'>;
  readonly postgres: PostgresOptions;
  /** Share of a core that decoding may take, above 0 and up to 1. */
  readonly advanceDuty: number;
  /** WAL that the restart_lsn of a slot may be behind before it is moved. */
  readonly restartGapBytes: bigint;
  /** All copies are proven again after so long each; absent: only when somebody asks. */
  readonly verifyIntervalMs: number | undefined;
  readonly metrics: ConsumerMetrics;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Called with the records of the slots topic, in their order. */
  readonly hear: (records: readonly (SlotEvent | Manifest)[]) => void;
  readonly signal: AbortSignal;
}

/**
 * What a session has open: its readers of both topics, its sessions with the databases, and who works with them beside the loop. All of it is made
 * here, and closed here. Nothing is connected before it is used.
 */
export class SessionParts {
  /** Ends the pause of the loop. */
  readonly doorbell = new SessionBell();
  readonly feed: SlotsFeed;
  readonly directory: NodeDirectory;
  readonly sessions: DatabaseSessions;
  readonly failures: SlotFailures;
  readonly creations: Creations;
  readonly plugins: PluginWatch;
  readonly mover: Mover;
  readonly restart: RestartWorker;
  readonly proofs: SlotProofs;

  constructor(options: SessionPartsOptions) {
    const { node, topics, postgres, advanceDuty, clock, logger, hear, signal } = options;
    const { doorbell } = this;
    this.feed = new SlotsFeed(topics, hear);
    const reader = new NodesReader(topics, { slotsOf: node });
    this.directory = new NodeDirectory({ ...topics, node, reader });
    this.sessions = new DatabaseSessions(postgres, (role) => warnOfLoudLog(logger, role), signal);
    this.failures = new SlotFailures(clock, logger, Math.random);
    this.creations = new Creations({
      sessions: this.sessions,
      doorbell,
      onMade: (slot) => this.failures.succeeded(slot),
      onFailure: (slot, error) => this.failures.failed(slot, 'making the slot', error),
      signal,
    });
    const { directory, sessions, failures } = this;
    const common = { ...options, sessions, doorbell };
    const budget = new DecodingBudget(advanceDuty, clock);
    this.plugins = new PluginWatch(common);
    this.restart = new RestartWorker({ ...common, directory, failures, budget });
    this.proofs = new SlotProofs({ ...options, directory, ring: () => doorbell.ring() });
    this.mover = new Mover({ ...common, failures, budget, onEnd: () => doorbell.ring() });
  }

  /** What the next plan has to know of the work that goes on beside the loop. */
  underWay(oldest: OpenTransaction | undefined): WorkUnderWay {
    const held = this.failures.held();
    this.creations.direct.forEach((slot) =>
      held.set(slot, {
        reasons: [reason('under_way'), waitsForTransactions(oldest)],
        pausing: true,
        cause: 'passing',
      }),
    );
    const { remaking, held: upkeep } = this.restart.underWay(this.mover.underWay);
    upkeep.forEach((hold, slot) => held.set(slot, hold));
    this.proofs.hold(held);
    const { probes, anchor } = this.creations;
    return { probes, anchor, held, unloadable: this.plugins.unloadable, remaking };
  }

  /** Slots are being made, which need the primary to log running transactions. */
  get searching(): boolean {
    return this.creations.searching || this.restart.searching;
  }

  /** When advances that are left may go on. */
  advances(): { readonly quiet: boolean; readonly waitMs: number | undefined } {
    return { quiet: this.sessions.quiet, waitMs: this.mover.waitMs() };
  }

  /** Ends all work on slots, and waits until none is under way. */
  async endWork(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.close()));
  }

  /** Closes everything, also what fails to close. */
  async close(): Promise<void> {
    await Promise.allSettled([
      this.directory.reader.close(),
      this.feed.reader.close(),
      ...this.#workers.map((worker) => worker.close()),
      this.sessions.close(),
    ]);
  }

  get #workers() {
    return [this.creations, this.plugins, this.mover, this.restart, this.proofs];
  }
}
