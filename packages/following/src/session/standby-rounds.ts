import { databaseOf, isLogical, type LocalSlot, type NodeStatus, physicalSlotPins } from '@slotcast/domain';
import type { LogWriter } from '@slotcast/event-log';
import type { Clock, Logger } from '@slotcast/kernel';
import type { ConsumerMetrics } from '@slotcast/observability';
import type { CanaryMeter } from '../canary-meter.ts';
import type { ConsumerStatus } from '../consumer-status.ts';
import { forgetLeftTimeline } from '../left-timeline.ts';
import type { RequestQueue } from '../requests/request-queue.ts';
import type { StandbyServer, StandbyView } from '../standby-server.ts';
import { StatusWriter } from '../status-writer.ts';
import { ActionRunner, type RunOutcome } from '../steps/action-runner.ts';
import { RoundPause } from './round-pause.ts';
import type { SessionParts } from './session-parts.ts';
import type { Judged, StandbyJudgement } from './standby-judgement.ts';

export interface StandbyRoundsOptions {
  readonly node: string;
  readonly version: string;
  readonly instance: string;
  readonly parts: SessionParts;
  readonly server: StandbyServer;
  readonly judgement: StandbyJudgement;
  readonly requests: RequestQueue;
  readonly canary: CanaryMeter;
  /** Has claimed the node's name. */
  readonly writer: LogWriter;
  readonly status: ConsumerStatus;
  readonly metrics: ConsumerMetrics;
  /** Called when the session works, so that the back-off of failures starts anew. */
  readonly progressed: () => void;
  /** Called with the slots of the standby as each round finds them. */
  readonly onLook: (slots: readonly LocalSlot[]) => void;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** The loop of a consumer: looks at the server, judges, takes the steps that are due, says how things stand, and rests. */
export class StandbyRounds {
  readonly #options: StandbyRoundsOptions;
  readonly #runner: ActionRunner;
  readonly #reporter: StatusWriter;
  readonly #pause: RoundPause;

  constructor(options: StandbyRoundsOptions) {
    this.#options = options;
    const { parts } = options;
    this.#runner = new ActionRunner({ ...options, ...toolsOf(parts) });
    this.#reporter = new StatusWriter({
      ...options,
      directory: parts.directory,
      describe: (view) => this.#describe(view),
      decodingReason: (slot) =>
        isLogical(slot) ? parts.mover.decodingReason(slot.name, databaseOf(slot)) : undefined,
    });
    this.#pause = new RoundPause({ ...options, bell: parts.doorbell, feed: parts.feed });
  }

  /** Resolves when the server has left recovery. */
  async run(): Promise<void> {
    const { parts, server, requests, clock, signal } = this.#options;
    for (;;) {
      const started = clock.monotonicMs();
      parts.restart.looks(parts.mover.underWay);
      const view = await server.look(signal);
      const lookMs = clock.monotonicMs() - started;
      if (view === undefined) {
        return;
      }
      const judged = await this.#judge(view);
      const urgent = requests.isWaiting;
      const outcome = await this.#act(judged, urgent);
      await this.#tell(judged, outcome);
      const { stepped, advancesLeft, advanced } = outcome;
      const moved = advancesLeft || advanced.length > 0;
      this.#pause.took(clock.monotonicMs() - started, { stepped, moved, urgent });
      if (!stepped) {
        const advances = advancesLeft ? parts.advances() : undefined;
        const reportDueMs = this.#reporter.untilDue();
        const { isWaiting } = requests;
        await this.#pause.rest({ ...judged, lookMs, urgent: isWaiting, advances, reportDueMs });
      }
    }
  }

  async #judge(view: StandbyView): Promise<Judged> {
    const { parts, judgement, writer, onLook, clock } = this.#options;
    const { history, slots } = view;
    const published = parts.feed.newestManifest?.history;
    await forgetLeftTimeline({ directory: parts.directory, writer, history, published, time: clock.now() });
    onLook(slots);
    parts.plugins.look(slots);
    return judgement.judge(view);
  }

  async #act({ view, settled, alarm, planned, plan }: Judged, urgent: boolean): Promise<RunOutcome> {
    const { parts, canary, writer } = this.#options;
    const { desired, furthest } = settled;
    parts.proofs.looked({ view, furthest, manifest: parts.feed.newestManifest, alarm });
    parts.restart.planned(planned && { view, desired, plan: planned, urgent });
    const outcome = await this.#runner.run(plan, view, desired, { urgent });
    await parts.restart.record(writer);
    await parts.proofs.record(writer);
    canary.measure({ view, advanced: outcome.advanced, ownership: parts.directory.ownership });
    return outcome;
  }

  /** Says how things stand: in the topic, in metrics, and to those who asked. */
  async #tell({ view, settled, alarm, planned, plan }: Judged, outcome: RunOutcome): Promise<void> {
    const { parts, judgement, requests, writer, status, progressed } = this.#options;
    await this.#reporter.write(planned, view, settled, parts.searching || judgement.wantsWal);
    progressed();
    const { decodingSlots } = this.#reporter;
    status.looked({ plan, view, settled, feed: parts.feed, alarm, decodingSlots });
    await requests.answer({ view, settled, alarm, plan, writer, outcome });
  }

  #describe(view: StandbyView): Omit<NodeStatus, 'wantsStandbySnapshot' | 'time'> {
    const { node, instance, version, server, parts, judgement, canary } = this.#options;
    return {
      kind: 'node',
      node,
      role: 'standby',
      instance,
      version,
      ...server.identity,
      timeline: view.history.timeline,
      replayLsn: view.replayLsn,
      receiveLsn: view.receiveLsn,
      upstream: view.settings.upstream,
      primarySlotName: view.settings.primarySlotName,
      hotStandbyFeedback: view.settings.hotStandbyFeedback,
      physicalSlots: physicalSlotPins(view.slots),
      unreadableSlots: view.unreadable,
      lineage: judgement.lineage.current,
      canary: canary.last,
      restartBacklog: parts.restart.backlog,
      alarm: judgement.unsure,
    };
  }
}

/** What the steps of a plan are carried out with. */
function toolsOf({ directory, sessions, creations, mover, failures, doorbell }: SessionParts) {
  return { directory, sessions, creations, mover, failures, doorbell };
}
