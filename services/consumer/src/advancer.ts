import {
  type AdvanceBudget,
  byDatabase,
  formatLsn,
  freshBudget,
  type Lsn,
  type SlotAction,
  type SlotDatabase,
  type SlotName,
  spend,
  untilAffordable,
} from '@slotcast/domain';
import {
  advanceSlot,
  advanceSlots,
  classifyPostgresError,
  type DatabaseSessions,
  isPostgresError,
} from '@slotcast/postgres';
import type { Clock, ConsumerMetrics } from '@slotcast/runtime';
import type { SlotFailures } from './slot-failures.ts';

export type AdvanceAction = Extract<SlotAction, { kind: 'advance' }>;

/** Slots in one statement; a larger one has a worse longest wait. */
const CHUNK = 10;
/** Pace of each slot where the server's log cannot be kept quiet. */
const LOUD_INTERVAL_MS = 1000;

/** Moves slots, within the share of time that it may use for it. */
export class Advancer {
  readonly #sessions: DatabaseSessions;
  readonly #failures: SlotFailures;
  readonly #clock: Clock;
  readonly #metrics: ConsumerMetrics;
  readonly #duty: number;
  readonly #signal: AbortSignal;
  readonly #advancedAt = new Map<SlotName, number>();
  #budget: AdvanceBudget = freshBudget;

  constructor(options: {
    sessions: DatabaseSessions;
    failures: SlotFailures;
    clock: Clock;
    metrics: ConsumerMetrics;
    duty: number;
    signal: AbortSignal;
  }) {
    this.#sessions = options.sessions;
    this.#failures = options.failures;
    this.#clock = options.clock;
    this.#metrics = options.metrics;
    this.#duty = options.duty;
    this.#signal = options.signal;
  }

  /** Milliseconds until slots may be moved again; 0 when they may now. */
  waitMs(): number {
    return untilAffordable(this.#budget, this.#clock.monotonicMs());
  }

  /** Carries out the advances that are affordable, or all when it is `urgent`, and returns the slots that moved. */
  async run(
    actions: readonly AdvanceAction[],
    { urgent }: { readonly urgent: boolean },
  ): Promise<SlotName[]> {
    const due = urgent ? actions : actions.filter((action) => this.#isDue(action));
    const moved: SlotName[] = [];
    for (const [database, group] of byDatabase(due)) {
      for (let start = 0; start < group.length && (urgent || this.waitMs() === 0); start += CHUNK) {
        moved.push(...(await this.#runChunk(database, group.slice(start, start + CHUNK))));
      }
    }
    return moved;
  }

  #isDue(action: AdvanceAction): boolean {
    const last = this.#advancedAt.get(action.slot);
    return this.#sessions.quiet || last === undefined || this.#clock.monotonicMs() - last >= LOUD_INTERVAL_MS;
  }

  async #runChunk(database: SlotDatabase, chunk: readonly AdvanceAction[]): Promise<SlotName[]> {
    const started = this.#clock.monotonicMs();
    try {
      return await this.#advance(database, chunk);
    } finally {
      const now = this.#clock.monotonicMs();
      const spentMs = now - started;
      this.#metrics.advanceSeconds.observe(spentMs / 1000);
      this.#budget = spend(this.#budget, { now, spentMs, duty: this.#duty });
      chunk.forEach((action) => this.#advancedAt.set(action.slot, now));
    }
  }

  /** One statement for the chunk; when it fails, one for each slot, so that a bad slot stops only itself. */
  async #advance(database: SlotDatabase, chunk: readonly AdvanceAction[]): Promise<SlotName[]> {
    const targets = chunk.map((action) => ({ name: action.slot, target: action.target }));
    try {
      const connection = await this.#sessions.get(database);
      const rows = await advanceSlots(connection, targets, { signal: this.#signal });
      return rows.map((row) => this.#succeeded(row.name));
    } catch (error) {
      this.#signal.throwIfAborted();
      if (chunk.length === 1) {
        chunk.forEach((action) => this.#failed(action, error));
        return [];
      }
    }
    const moved: SlotName[] = [];
    for (const target of targets) {
      moved.push(...(await this.#advanceOne(database, target)));
    }
    return moved;
  }

  async #advanceOne(database: SlotDatabase, slot: { name: SlotName; target: Lsn }): Promise<SlotName[]> {
    try {
      const connection = await this.#sessions.get(database);
      await advanceSlot(connection, slot, { signal: this.#signal });
      return [this.#succeeded(slot.name)];
    } catch (error) {
      this.#signal.throwIfAborted();
      this.#failed({ slot: slot.name, target: slot.target }, error);
      return [];
    }
  }

  #succeeded(slot: SlotName): SlotName {
    this.#failures.succeeded(slot);
    this.#metrics.actionsTotal.inc({ kind: 'advance', outcome: 'ok' });
    return slot;
  }

  #failed(action: { slot: SlotName; target: Lsn }, error: unknown): void {
    const stale = isPostgresError(error) && classifyPostgresError(error).class === 'stale';
    this.#metrics.actionsTotal.inc({ kind: 'advance', outcome: stale ? 'stale' : 'failed' });
    this.#failures.failed(action.slot, `advance to ${formatLsn(action.target)}`, error);
  }
}
