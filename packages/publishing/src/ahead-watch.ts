import {
  type AheadOutcome,
  type DivergencePolicy,
  isLogical,
  judgeSeenAhead,
  type LogicalSlotState,
  type Lsn,
  mayFenceAhead,
  quarantineOf,
  type SeenPosition,
  type SlotState,
} from '@slotcast/domain';
import { type Promotion, quarantineSlot, raiseFenceLate, tellAhead } from '@slotcast/hand-off';
import type { Clock, Logger } from '@slotcast/kernel';
import type { PublisherMetrics } from '@slotcast/observability';
import {
  DatabaseSessions,
  describePostgresError,
  type PostgresConnection,
  type PostgresOptions,
  readBeyondWal,
} from '@slotcast/postgres';
import type { PublisherStatus } from './publisher-status.ts';
import type { Tenure } from './tenure.ts';

/** Between two looks. */
const LOOK_MS = 1000;

export interface AheadWatchOptions {
  readonly connection: PostgresConnection;
  readonly postgres: PostgresOptions;
  readonly tenure: Tenure;
  readonly onDivergence: DivergencePolicy;
  /** What this process saw of the end of recovery, and who looks where no publisher does. */
  readonly promoted: Pick<Promotion, 'ended' | 'ahead'>;
  readonly metrics: PublisherMetrics;
  readonly status: PublisherStatus;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** A look at the primary, and how what was found is put on record. */
export interface AheadLook {
  readonly slots: readonly SlotState[];
  /** Commits this node's record, and with it that nobody has taken over. */
  readonly commit: () => Promise<void>;
}

/** Looks at a primary for subscribers that say they are ahead of it, and deals with those of a promotion. */
export class AheadWatch {
  readonly #options: AheadWatchOptions;
  /** What was told of each, so that it is told once. */
  readonly #told = new Map<string, Set<string>>();
  #lookedAt = Number.NEGATIVE_INFINITY;

  constructor(options: AheadWatchOptions) {
    this.#options = options;
  }

  /** To be called in each round; looks once a second at most. Rejects as the commit does, which is the end of the tenure. */
  async look({ slots, commit }: AheadLook): Promise<void> {
    const { connection, tenure, metrics, clock, signal } = this.#options;
    const now = clock.monotonicMs();
    if (now - this.#lookedAt < LOOK_MS) {
      return;
    }
    this.#lookedAt = now;
    const found = await readBeyondWal(connection, signal);
    this.#options.promoted.ahead.looked();
    const { published, records } = tenure;
    const judged = found.map((seen) => {
      const shown = slots.find(({ name }) => name === seen.slot);
      const facts = { ...seen, shown, published: published.get(seen.slot), records };
      return { seen, shown, step: judgeSeenAhead(facts) };
    });
    const told = judged.filter(({ step }) => step !== 'none');
    metrics.subscribersAhead.set(told.length);
    const names = new Set<string>(told.map(({ seen }) => seen.slot));
    [...this.#told.keys()].filter((slot) => !names.has(slot)).forEach((slot) => this.#told.delete(slot));
    for (const { seen, shown, step } of told) {
      if (step === 'act' && isLogical(shown)) {
        await this.#act(seen, shown, commit);
      } else if (this.#isOnRecord(seen)) {
        this.#tell(seen, 'unsafe');
      } else {
        await this.#record(seen, 'unsafe', commit);
      }
    }
  }

  /** Or no promotion is, that it could be recorded with. */
  #isOnRecord({ slot }: SeenPosition): boolean {
    const { promotion } = this.#options.tenure;
    return promotion === undefined || promotion.ahead.some((entry) => entry.slot === slot);
  }

  /** It is on record as unsafe before anything is done, and the commit shows that nobody has taken over. A slot in use is waited for. */
  async #act(seen: SeenPosition, shown: LogicalSlotState, commit: () => Promise<void>): Promise<void> {
    const known = this.#options.tenure.promotion?.ahead.find(({ slot }) => slot === seen.slot);
    if (known?.outcome === 'unsafe' && shown.active) {
      this.#tell(seen, 'unsafe');
      return;
    }
    await this.#record(seen, 'unsafe', commit);
    const fencedLsn = await this.#fence(seen);
    if (fencedLsn !== undefined) {
      await this.#record(seen, 'fenced', commit, fencedLsn);
    } else if (await this.#quarantine(seen, shown)) {
      await this.#record(seen, 'quarantined', commit);
    }
  }

  async #record(
    seen: SeenPosition,
    outcome: AheadOutcome,
    commit: () => Promise<void>,
    fencedLsn?: Lsn,
  ): Promise<void> {
    const { tenure, status } = this.#options;
    const entry = { slot: seen.slot, confirmedFlushLsn: seen.position, outcome };
    tenure.noteAhead(entry, fencedLsn);
    await commit();
    status.promoted(tenure.promotion);
    this.#tell(seen, outcome);
  }

  /** Where it was raised to, if that is before all commits. */
  async #fence(seen: SeenPosition): Promise<Lsn | undefined> {
    const { connection, tenure, onDivergence, promoted, signal } = this.#options;
    const { promotion, facts } = tenure;
    if (promotion === undefined || !mayFenceAhead(seen, promotion, onDivergence)) {
      return undefined;
    }
    const { history } = facts;
    const target = seen.position;
    const pass = await raiseFenceLate({ connection, history, ended: promoted.ended, target, signal });
    return pass?.reachedLsn;
  }

  /** False when it could not be done: its subscriber uses the slot, which is tried again with the next look. */
  async #quarantine({ slot }: SeenPosition, shown: LogicalSlotState): Promise<boolean> {
    const { postgres, clock, logger, signal } = this.#options;
    const sessions = new DatabaseSessions(postgres, () => undefined, signal);
    const reason = 'its subscriber says that it is ahead of this server';
    try {
      const done = await quarantineSlot(quarantineOf(shown, reason), { sessions, clock, signal });
      logger.error({ slot, reason, ...done }, 'quarantined a slot: a placeholder has its name');
      return true;
    } catch (error) {
      signal.throwIfAborted();
      const said = describePostgresError(error);
      this.#tellOnce(slot, `failed: ${said}`, () =>
        logger.error(
          { code: 'SC_SUBSCRIBER_AHEAD', slot, error: said },
          'the slot of a subscriber that is ahead could not be quarantined: it is tried again',
        ),
      );
      return false;
    } finally {
      await sessions.close();
    }
  }

  #tell(seen: SeenPosition, outcome: AheadOutcome): void {
    this.#tellOnce(seen.slot, outcome, () => tellAhead(this.#options.logger, seen, outcome));
  }

  #tellOnce(slot: string, what: string, tell: () => void): void {
    const known = this.#told.get(slot) ?? new Set();
    if (!known.has(what)) {
      this.#told.set(slot, known.add(what));
      tell();
    }
  }
}
