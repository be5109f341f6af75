import {
  judgePromotion,
  type Lsn,
  laterTimeline,
  maxLsn,
  type PlanPolicy,
  type PreparedPromotion,
} from '@slotcast/domain';
import type { SlotsFeed } from '@slotcast/hand-off';
import { type Clock, SlotcastError } from '@slotcast/runtime';
import type { SessionRequest, SessionRound } from './session-request.ts';
import type { StandbyView } from './standby-server.ts';

/** Replay that stands still for so long, with WAL left, will not go on. */
const REPLAY_STALL_MS = 2000;

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
  #replay: { readonly lsn: Lsn; readonly since: number } | undefined;
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
    const done = this.#isDone(round) || this.#options.clock.monotonicMs() >= this.#deadline;
    if (done) {
      this.#judge(round);
    }
    return Promise.resolve(done);
  }

  fail(error: unknown): void {
    this.#reject(error);
  }

  /** True when waiting longer would change nothing. */
  #isDone({ view, settled, plan, outcome }: Omit<SessionRound, 'writer'>): boolean {
    const { feed } = this.#options;
    const moves = plan.verdicts.some(({ action }) => action?.kind === 'advance' || action?.kind === 'copy');
    const later = laterTimeline(feed.newestManifest, view.history);
    return (
      this.#isRead() &&
      later === undefined &&
      this.#isReplayed(view) &&
      settled.manifest !== undefined &&
      !moves &&
      !outcome.stepped
    );
  }

  #isRead(): boolean {
    return this.#options.taken() >= this.#options.end;
  }

  /** A primary that dies may leave half a record here, which is never replayed. */
  #isReplayed({ receiveLsn, replayLsn }: StandbyView): boolean {
    const now = this.#options.clock.monotonicMs();
    if (this.#replay?.lsn !== replayLsn) {
      this.#replay = { lsn: replayLsn, since: now };
    }
    return receiveLsn === undefined || replayLsn >= receiveLsn || now - this.#replay.since >= REPLAY_STALL_MS;
  }

  /**
   * Replay that is not finished and positions that are not applied are no risk: a promotion does both. They are waited for so that fewer
   * changes come twice, and slots in the making get finished.
   */
  #judge({ view, plan, alarm: known }: Omit<SessionRound, 'writer'>): void {
    const { node, policy, feed } = this.#options;
    const { published, elsewhere, manifest } = feed.publishedOn(view.history);
    if (manifest === undefined) {
      this.#reject(new SlotcastError('SC_NO_MANIFEST', 'no publisher has written to the slots topic yet'));
      return;
    }
    const endOfWal = view.receiveLsn === undefined ? view.replayLsn : maxLsn(view.receiveLsn, view.replayLsn);
    const alarm = known ?? laterTimeline(feed.newestManifest, view.history);
    const { wanted } = policy;
    const { verdicts } = plan;
    const facts = { verdicts, local: view.slots, published, elsewhere, history: view.history };
    this.#resolve({
      node,
      timeline: view.history.timeline,
      replayLsn: view.replayLsn,
      endOfWal,
      publisherSilentMs: feed.heartbeatAgeMs(),
      drained: this.#isRead(),
      alarm,
      slots: alarm === undefined ? judgePromotion({ ...facts, wanted, endOfWal }) : [],
    });
  }
}
