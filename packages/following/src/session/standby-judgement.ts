import type { Plan, PlanPolicy, Reason, SettledBacklog } from '@slotcast/domain';
import { UnreadableSlots } from '@slotcast/hand-off';
import type { Clock, Logger } from '@slotcast/kernel';
import type { ConsumerMetrics } from '@slotcast/observability';
import { Doubts } from '../doubts.ts';
import { emptyPlan, StandbyPlanner } from '../standby-planner.ts';
import type { StandbyServer, StandbyView } from '../standby-server.ts';
import { TopicLineage } from '../topic-lineage.ts';
import type { SessionParts } from './session-parts.ts';

/** What one look at the server and at what was read of the topics comes to. */
export interface Judged {
  readonly view: StandbyView;
  readonly settled: SettledBacklog;
  /** Why nothing may be done to the slots now. */
  readonly alarm: Reason | undefined;
  /** Absent while nothing may be concluded: no step is taken then, nor anything forgotten. */
  readonly planned: Plan | undefined;
  /** The same, or a plan to do nothing. */
  readonly plan: Plan;
}

/** Judges each look at a standby, with what it remembers of those before. */
export class StandbyJudgement {
  readonly lineage: TopicLineage;
  readonly #parts: SessionParts;
  readonly #server: StandbyServer;
  readonly #doubts: Doubts;
  readonly #unreadable: UnreadableSlots;
  readonly #planner: StandbyPlanner;

  constructor(
    options: {
      readonly node: string;
      readonly slotsTopic: string;
      readonly policy: PlanPolicy;
      readonly metrics: ConsumerMetrics;
      readonly logger: Logger;
      readonly clock: Clock;
    },
    parts: SessionParts,
    server: StandbyServer,
  ) {
    const { slotsTopic, logger } = options;
    const { feed, directory } = parts;
    this.#parts = parts;
    this.#server = server;
    this.lineage = new TopicLineage(slotsTopic, logger);
    this.#doubts = new Doubts(logger);
    this.#unreadable = new UnreadableSlots(logger);
    this.#planner = new StandbyPlanner({ ...options, feed, directory });
  }

  /** Why the records of this node's slots are not to be believed. */
  get unsure(): Reason | undefined {
    return this.#doubts.unsure;
  }

  /** Nothing tells that catalog rows are held back for the slots to be made before the primary has written something. */
  get wantsWal(): boolean {
    return this.#planner.wantsWal;
  }

  /** Throws a SlotcastError when the topic is none that this node may follow. */
  judge(view: StandbyView): Judged {
    const { feed, directory } = this.#parts;
    const manifest = feed.newestManifest;
    this.#unreadable.take(view.unreadable);
    this.lineage.check(manifest, this.#server.identity.systemIdentifier);
    const settled = feed.settle(view);
    const alarm = this.#doubts.alarm(manifest, view, directory.nodes);
    const planned = alarm === undefined ? this.#plan(view, settled) : undefined;
    this.#doubts.planned(planned, alarm, manifest);
    return { view, settled, alarm, planned, plan: planned ?? emptyPlan };
  }

  #plan(view: StandbyView, settled: SettledBacklog): Plan | undefined {
    return this.#planner.plan(view, settled, this.#parts.underWay(this.#planner.oldestTransaction));
  }
}
