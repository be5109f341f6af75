import {
  compareSlots,
  type Forgotten,
  forgetOrphans,
  freshThrottle,
  HEARTBEAT_MS,
  judgeSnapshot,
  nextPoll,
  type OrphanAges,
  type OrphanedSlot,
  type PollPace,
  physicalSlotPins,
  putAwayBy,
  RIVAL_HEARTBEAT_MS,
  type SlotChange,
  type SlotComparison,
  type SlotName,
  type SlotState,
  type SnapshotPolicyState,
  selectDue,
  sortOutImplausible,
  standingPlaceholders,
  startSnapshotPolicy,
  type ThrottleState,
  withoutPlaceholders,
} from '@slotcast/domain';
import { UnreadableSlots } from '@slotcast/hand-off';
import type { Clock, Doorbell, Logger } from '@slotcast/kernel';
import {
  flushWal,
  logStandbySnapshot,
  type ObservedPrimary,
  observePrimary,
  type PostgresConnection,
  primaryMemory,
  readOldestTransaction,
  readPreparedTransactions,
} from '@slotcast/postgres';
import type { AheadWatch } from './ahead-watch.ts';
import type { Forgetting } from './forgetting.ts';
import type { ProofAnswers } from './proof-answers.ts';
import type { PublisherStatus } from './publisher-status.ts';
import type { SlotFiles } from './slot-files.ts';
import type { Heartbeat, Tenure } from './tenure.ts';

export interface PublishLoopOptions {
  readonly connection: PostgresConnection;
  readonly tenure: Tenure;
  /** Nodes that wait for a running-xacts record. */
  readonly wishes: () => string[];
  /** Another server was promoted, and is to know that this publisher is at work. */
  readonly isChallenged: () => boolean;
  readonly doorbell: Doorbell;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly status: PublisherStatus;
  readonly pollMinMs: number;
  readonly pollMaxMs: number;
  readonly maxEventsPerSecond: number;
  /** What consumers asked of slots, and the loop writes. */
  readonly answers: Pick<ProofAnswers, 'take'>;
  /** How long an orphaned slot is kept; absent: for ever. */
  readonly orphanRetentionMs: number | undefined;
  /** How long this process has seen each orphaned, over all of its tenures. */
  readonly orphanAges: OrphanAges;
  /** For subscribers that say they are ahead of the server. */
  readonly ahead: Pick<AheadWatch, 'look'>;
  /** By which people give up orphaned slots. */
  readonly forgetting: Forgetting;
  /** What files of the server say of slots. */
  readonly files: Pick<SlotFiles, 'of'>;
  /** Adds to the slots what the server does not tell of them. */
  readonly mark: (slots: readonly SlotState[]) => readonly SlotState[];
  /** Called with each heartbeat but the first. */
  readonly progressed: () => void;
  /** Called once the topic holds a manifest of this tenure. */
  readonly onEstablished: () => void;
  readonly signal: AbortSignal;
}

/** Why a tenure ended without an error. */
export type TenureEnd = 'in_recovery' | 'other_timeline';

/** Observes, compares and publishes until this server is no longer the primary that the tenure is for. */
export async function publishLoop(options: PublishLoopOptions): Promise<TenureEnd> {
  const loop = new PublishLoop(options);
  for (;;) {
    const result = await loop.round();
    if (typeof result === 'string') {
      return result;
    }
    await options.doorbell.wait(result.delayMs, options.signal);
  }
}

/** What is to be published of a look at the primary, in `slots`. */
interface SortedPrimary extends ObservedPrimary {
  /** With the placeholders. */
  readonly all: readonly SlotState[];
}

class PublishLoop {
  readonly #options: PublishLoopOptions;
  readonly #unreadable: UnreadableSlots;
  readonly #memory = primaryMemory();
  #comparison: SlotComparison | undefined;
  /** Of the last look: the very same slots are told by the very same array. */
  #carried: { readonly of: readonly SlotState[]; readonly slots: readonly SlotState[] } | undefined;
  /** Names of quarantined slots that were kept taken at the last look. */
  #placeholders: ReadonlySet<SlotName> = new Set();
  /** In this round: all nodes are looked at for it. */
  #isChallenged = false;
  #throttle: ThrottleState = freshThrottle;
  #snapshots: SnapshotPolicyState | undefined;
  #pace: PollPace | undefined;
  /** What this round took until it was known what is due. */
  #roundMs = 0;
  #lastChangeAt: number | undefined;
  #heartbeatAt = Number.NEGATIVE_INFINITY;

  constructor(options: PublishLoopOptions) {
    this.#options = options;
    this.#unreadable = new UnreadableSlots(options.logger);
  }

  async round(): Promise<TenureEnd | { readonly delayMs: number }> {
    this.#isChallenged = this.#options.isChallenged();
    const { connection, tenure, clock, status } = this.#options;
    const started = clock.monotonicMs();
    const observed = await observePrimary(connection, this.#options.signal, this.#memory);
    const queryMs = clock.monotonicMs() - started;
    if (observed.inRecovery) {
      return 'in_recovery';
    }
    const seen = this.#sorted(observed);
    if (seen.timeline !== tenure.facts.history.timeline) {
      return 'other_timeline';
    }
    this.#unreadable.take(seen.unreadable);
    status.polled(queryMs, seen);
    const nextDueAt = await this.#publish(seen, started);
    await tenure.recordAnswers(this.#options.answers.take());
    await this.#options.ahead.look({ slots: observed.slots, commit: () => this.#commit(seen) });
    const snapshotAt = await this.#logSnapshot(seen, clock.monotonicMs());
    const now = clock.monotonicMs();
    const { delayMs, pace } = nextPoll({
      pace: this.#pace,
      now,
      lastChangeAt: this.#lastChangeAt,
      queryMs,
      roundMs: this.#roundMs,
      pollMinMs: this.#options.pollMinMs,
      pollMaxMs: this.#options.pollMaxMs,
      nextDueAt: earliest(earliest(nextDueAt, snapshotAt), this.#answerDueAt()),
    });
    this.#pace = pace;
    // The pause counts from the start of the round, so that publishing does not slow the polling down.
    return { delayMs: Math.max(1, delayMs - (now - started)) };
  }

  /** What is to be published, apart from what cannot be right, and from what only keeps a name taken: a placeholder is neither the slot nor another one. */
  #sorted(observed: ObservedPrimary): SortedPrimary {
    const { plausible, implausible } = sortOutImplausible(observed.slots, observed.insertLsn);
    const unreadable =
      implausible.length === 0 ? observed.unreadable : [...observed.unreadable, ...implausible];
    if (this.#carried?.of !== plausible) {
      this.#carried = { of: plausible, slots: withoutPlaceholders(plausible) };
      this.#watchPlaceholders(plausible);
    }
    return { ...observed, slots: this.#options.mark(this.#carried.slots), all: plausible, unreadable };
  }

  /** A name that is free again may have been freed by a person, or by a program that knows nothing of it. */
  #watchPlaceholders(slots: readonly SlotState[]): void {
    const { tenure, logger } = this.#options;
    const standing = standingPlaceholders(tenure.promotion, slots);
    for (const slot of this.#placeholders) {
      if (!standing.has(slot)) {
        logger.warn(
          { slot },
          'the name of a quarantined slot is not kept taken any more: unless it was freed by slotcast release, find out who dropped the placeholder, and see that the subscriber starts over',
        );
      }
    }
    this.#placeholders = standing;
  }

  /** Publishes what is due; returns when what was held back becomes due. */
  async #publish(seen: SortedPrimary, now: number): Promise<number | undefined> {
    const { tenure, clock, status, maxEventsPerSecond } = this.#options;
    const first = this.#comparison === undefined;
    const { published, orphans, records, facts } = tenure;
    const isPutAway = putAwayBy(seen.all, (slot) => published.has(slot));
    const look = { ...seen, published, orphans, records, isPutAway };
    this.#comparison = compareSlots(this.#comparison, look, facts.continuity);
    const { changes } = this.#comparison;
    if (changes.length > 0) {
      this.#lastChangeAt = now;
    }
    const selection = selectDue({
      changes,
      published,
      state: this.#throttle,
      now,
      maxEventsPerSecond,
      isReportAwaited: this.#options.wishes().length > 0,
    });
    const given = this.#forget(changes);
    const due = [...(first ? changes : selection.due), ...given.changes];
    this.#roundMs = clock.monotonicMs() - now;
    const heartbeat = now - this.#heartbeatAt >= HEARTBEAT_MS || now >= (this.#answerDueAt() ?? now + 1);
    if (heartbeat && !first) {
      this.#options.progressed();
    }
    if (due.length > 0 || heartbeat) {
      const started = clock.monotonicMs();
      const publication = await tenure.publish({
        lsn: seen.flushLsn,
        changes: due,
        heartbeat: heartbeat ? await this.#heartbeat(seen) : undefined,
        files: await this.#options.files.of(due),
      });
      const ms = clock.monotonicMs() - started;
      status.published(publication, ms);
      this.#options.logger.debug({ events: publication.events.length, heartbeat, ms }, 'published');
    }
    this.#settled(given.orphans);
    if (first) {
      this.#options.onEstablished();
      await tenure.recordOwnership();
    }
    this.#heartbeatAt = heartbeat ? now : this.#heartbeatAt;
    this.#throttle = selection.state;
    return selection.nextDueAt;
  }

  /** This node's record as it is now, at once. */
  async #commit(seen: SortedPrimary): Promise<void> {
    const heartbeat = await this.#heartbeat(seen);
    await this.#options.tenure.publish({ lsn: seen.flushLsn, changes: [], heartbeat });
  }

  /** When it is to say again that it is at work; absent when nobody needs to know sooner than usual. */
  #answerDueAt(): number | undefined {
    return this.#isChallenged ? this.#heartbeatAt + RIVAL_HEARTBEAT_MS : undefined;
  }

  /** What is given up of the orphaned slots, besides what is published anyway. */
  #forget(changes: readonly SlotChange[]): Forgotten {
    const { tenure, forgetting, orphanRetentionMs: retentionMs, orphanAges, clock } = this.#options;
    const { orphans, published } = tenure;
    const now = clock.monotonicMs();
    orphanAges.look(orphans, now);
    const ageMs = (orphan: OrphanedSlot): number => orphanAges.ageMs(orphan, now);
    return forgetOrphans({ orphans, published, asked: forgetting.names, retentionMs, ageMs, changes });
  }

  /** Says what was given up, to the log and to whoever asked for it. */
  #settled(given: readonly OrphanedSlot[]): void {
    const { tenure, forgetting, status, logger } = this.#options;
    const asked = forgetting.names;
    for (const { name, incarnation, cause, since } of given) {
      const fields = { slot: name, ...incarnation, cause, since: new Date(since).toISOString() };
      logger.warn(
        { ...fields, by: asked.has(name) ? 'slotcast forget' : 'SLOTCAST_ORPHAN_RETENTION' },
        'gave up an orphaned slot: every node drops its copy',
      );
    }
    forgetting.published(given, tenure.orphans);
    status.orphaned(tenure.orphans.length);
  }

  async #heartbeat({ all, unreadable }: SortedPrimary): Promise<Heartbeat> {
    const { connection, signal } = this.#options;
    return {
      oldestTransaction: await readOldestTransaction(connection, signal),
      preparedTransactions: await readPreparedTransactions(connection, signal),
      physicalSlots: physicalSlotPins(all),
      unreadableSlots: unreadable,
    };
  }

  /** Logs a running-xacts record when one is wanted; returns when a wish that stands may be granted. */
  async #logSnapshot(seen: ObservedPrimary, now: number): Promise<number | undefined> {
    const { connection, wishes, signal, status } = this.#options;
    const verdict = judgeSnapshot({
      state: this.#snapshots ?? startSnapshotPolicy(seen.insertLsn),
      wishes: wishes(),
      lsn: seen.insertLsn,
      now,
    });
    this.#snapshots = verdict.state;
    if (verdict.log) {
      await logStandbySnapshot(connection, signal);
      // A record that is not flushed waits for the WAL writer before any standby gets it.
      await flushWal(connection, signal);
      status.standbySnapshotLogged();
    }
    return verdict.nextAt;
  }
}

function earliest(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);
}
