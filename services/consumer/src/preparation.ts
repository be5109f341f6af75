import {
  judgePromotion,
  laterTimeline,
  maxLsn,
  type PlanPolicy,
  type PreparedPromotion,
} from '@slotcast/domain';
import type { SlotsFeed } from '@slotcast/hand-off';
import { type Clock, SlotcastError } from '@slotcast/runtime';
import type { SessionRequest, SessionRound } from './session-request.ts';

export interface PreparationOptions {
  readonly node: string;
  readonly policy: PlanPolicy;
  readonly feed: SlotsFeed;
  /** Offset of the slots topic up to which records are taken. */
  readonly taken: () => bigint;
  /** Where the topic ended when the preparation was asked for. */
  readonly end: bigint;
  readonly timeoutMs: number;
  readonly clock: Clock;
}

/** The last drain before a promotion: waits until all that the topic has is applied, or the time is over, and then judges. */
export class Preparation implements SessionRequest {
  readonly result: Promise<PreparedPromotion>;
  readonly #options: PreparationOptions;
  readonly #deadline: number;
  #resolve: (prepared: PreparedPromotion) => void = () => undefined;
  #reject: (error: unknown) => void = () => undefined;

  constructor(options: PreparationOptions) {
    this.#options = options;
    this.#deadline = options.clock.monotonicMs() + options.timeoutMs;
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  answer(round: Omit<SessionRound, 'writer'>): Promise<boolean> {
    const drained = this.#isDrained(round);
    const done = drained || this.#options.clock.monotonicMs() >= this.#deadline;
    if (done) {
      this.#judge(round, drained);
    }
    return Promise.resolve(done);
  }

  fail(error: unknown): void {
    this.#reject(error);
  }

  #isDrained({ view, settled, plan, outcome }: Omit<SessionRound, 'writer'>): boolean {
    const { taken, end, feed } = this.#options;
    const moves = plan.verdicts.some(({ action }) => action?.kind === 'advance' || action?.kind === 'copy');
    const replayed = view.receiveLsn === undefined || view.replayLsn >= view.receiveLsn;
    const later = laterTimeline(feed.newestManifest, view.history);
    return (
      taken() >= end &&
      later === undefined &&
      replayed &&
      settled.manifest !== undefined &&
      !moves &&
      !outcome.stepped
    );
  }

  #judge({ view, plan, alarm: known }: Omit<SessionRound, 'writer'>, drained: boolean): void {
    const { node, policy, feed } = this.#options;
    const { published, manifest } = feed.publishedOn(view.history);
    if (manifest === undefined) {
      this.#reject(new SlotcastError('SC_NO_MANIFEST', 'no publisher has written to the slots topic yet'));
      return;
    }
    const endOfWal = view.receiveLsn === undefined ? view.replayLsn : maxLsn(view.receiveLsn, view.replayLsn);
    const alarm = known ?? laterTimeline(feed.newestManifest, view.history);
    const { wanted } = policy;
    this.#resolve({
      node,
      timeline: view.history.timeline,
      replayLsn: view.replayLsn,
      endOfWal,
      publisherSilentMs: feed.heartbeatAgeMs(),
      drained,
      alarm,
      slots:
        alarm === undefined
          ? judgePromotion({ verdicts: plan.verdicts, local: view.slots, published, wanted, endOfWal })
          : [],
    });
  }
}
