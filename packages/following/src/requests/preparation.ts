import {
  awaitsWord,
  endOfWal,
  findSilence,
  judgePromotion,
  type Lsn,
  laterTimeline,
  mayReplayMore,
  type PlanPolicy,
  type PreparedPromotion,
  type PublishedLine,
  type PublisherWord,
  reason,
  type SlotAction,
} from '@slotcast/domain';
import { type Clock, SlotcastError } from '@slotcast/kernel';
import type { SlotsFeed } from '@slotcast/topics';
import type { StandbyView } from '../standby-server.ts';
import type { SessionRequest, SessionRound } from './session-request.ts';

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
  /** Aborted when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
}

type PreparationRound = Omit<SessionRound, 'writer'>;

/** The last drain before a promotion: waits until all that the topic has is applied, or the time is over, and then judges. */
export class Preparation implements SessionRequest {
  readonly result: Promise<PreparedPromotion>;
  readonly signal: AbortSignal;
  readonly #options: PreparationOptions;
  readonly #deadline: number;
  /** Where the WAL here ended at the first look. */
  #askedEnd: Lsn | undefined;
  #replay: { readonly lsn: Lsn; readonly since: number } | undefined;
  #resolve: (prepared: PreparedPromotion) => void = () => undefined;
  #reject: (error: unknown) => void = () => undefined;

  constructor(options: PreparationOptions) {
    this.#options = options;
    this.signal = options.signal;
    this.#deadline = options.clock.monotonicMs() + options.timeoutMs;
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  answer(round: PreparationRound): Promise<boolean> {
    const line = this.#options.feed.publishedOn(round.view.history);
    const word = this.#wordOf(line, round.view);
    const done = this.#isDone(round, word) || this.#options.clock.monotonicMs() >= this.#deadline;
    if (done) {
      this.#judge(round, line, word);
    }
    return Promise.resolve(done);
  }

  fail(error: unknown): void {
    this.#reject(error);
  }

  /** True when waiting longer would change nothing. */
  #isDone({ view, settled, plan, outcome }: PreparationRound, word: PublisherWord | undefined): boolean {
    const moves = plan.verdicts.some(
      ({ action, upkeep }) => upkeep === true || (action !== undefined && isMove(action)),
    );
    const later = laterTimeline(this.#options.feed.newestManifest, view.history);
    return (
      this.#isRead() &&
      later === undefined &&
      this.#isReplayed(view) &&
      settled.manifest !== undefined &&
      !moves &&
      !outcome.stepped &&
      !(word !== undefined && awaitsWord(word))
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

  /** `undefined` as long as nothing of this line was published. */
  #wordOf({ lastOrigin }: PublishedLine, view: StandbyView): PublisherWord | undefined {
    const { feed, policy } = this.#options;
    const end = endOfWal(view);
    this.#askedEnd ??= end;
    return (
      lastOrigin && {
        publisher: lastOrigin.node,
        silentMs: feed.heartbeatAgeMs(),
        staleMs: policy.limits.heartbeatStaleMs,
        wordLsn: lastOrigin.lsn,
        askedEnd: this.#askedEnd,
        endOfWal: end,
      }
    );
  }

  /**
   * Replay that is not finished and positions that are not applied are no risk: a promotion does both. They are waited for so that fewer
   * changes come twice, and slots in the making get finished.
   */
  #judge(
    { view, plan, alarm: known }: PreparationRound,
    { published, elsewhere, newestHistory, manifest }: PublishedLine,
    word: PublisherWord | undefined,
  ): void {
    const { node, policy, feed } = this.#options;
    if (manifest === undefined || word === undefined) {
      this.#reject(new SlotcastError('SC_NO_MANIFEST', 'no publisher has written to the slots topic yet'));
      return;
    }
    const { history, slots: local } = view;
    const alarm = known ?? laterTimeline(feed.newestManifest, history);
    const topic = { published, elsewhere, newestHistory };
    const facts = { verdicts: plan.verdicts, local, ...topic, history, endOfWal: word.endOfWal };
    const more = mayReplayMore({ ...view, upstream: view.settings.upstream });
    const drained = this.#isRead();
    this.#resolve({
      node,
      timeline: history.timeline,
      replayLsn: view.replayLsn,
      endOfWal: word.endOfWal,
      publisherSilentMs: word.silentMs,
      drained,
      unknown: drained ? findSilence(word) : reason('not_drained'),
      filter: plan.filterDoubt,
      alarm,
      slots:
        alarm === undefined ? judgePromotion({ ...facts, wanted: policy.wanted, mayReplayMore: more }) : [],
    });
  }
}

/** A step that takes a slot to where it is to be. */
function isMove({ kind }: SlotAction): boolean {
  return kind === 'advance' || kind === 'copy' || kind === 'restore';
}
