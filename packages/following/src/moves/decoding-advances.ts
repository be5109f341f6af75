import { byDatabase, type Lsn, type SlotAction, type SlotDatabase, type SlotName } from '@slotcast/domain';
import type { Clock } from '@slotcast/kernel';
import type { ConsumerMetrics } from '@slotcast/observability';
import {
  type AdvancedSlot,
  advanceSlots,
  classifyPostgresError,
  type DatabaseSessions,
  isPostgresError,
} from '@slotcast/postgres';
import type { SlotFailures } from '../slot-failures.ts';
import type { DecodingBudget } from './decoding-budget.ts';

type AdvanceAction = Extract<SlotAction, { kind: 'advance' }>;

/** An advance, or one to where the slot stands, which keeps it from its idle timeout. */
export type MoveAction = Omit<AdvanceAction, 'kind'> & { readonly kind: 'advance' | 'keep' };

/** Where a slot arrived, as the server told, and what for. */
export interface ReachedPosition {
  readonly action: MoveAction;
  readonly position: Lsn;
}

/** Slots in one statement; a larger one has a worse longest wait. */
const CHUNK = 10;

/**
 * Moves slots by decoding, beside the loop of the consumer and within the share of time that may be used for it. A slot that is under way is
 * to be left alone.
 */
export class DecodingAdvances {
  readonly #sessions: DatabaseSessions;
  readonly #failures: SlotFailures;
  readonly #clock: Clock;
  readonly #metrics: ConsumerMetrics;
  readonly #budget: DecodingBudget;
  readonly #onEnd: () => void;
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  /** When a slot was advanced last; who waited the longest goes first. */
  readonly #advancedAt = new Map<SlotName, number>();
  #running: Promise<void> | undefined;
  #underWay: ReadonlySet<SlotName> = new Set();
  #reached: ReachedPosition[] = [];

  /** `onEnd` is called when a run is over, and there may be something to take. */
  constructor(options: {
    sessions: DatabaseSessions;
    failures: SlotFailures;
    clock: Clock;
    metrics: ConsumerMetrics;
    budget: DecodingBudget;
    onEnd: () => void;
    signal: AbortSignal;
  }) {
    this.#sessions = options.sessions;
    this.#failures = options.failures;
    this.#clock = options.clock;
    this.#metrics = options.metrics;
    this.#budget = options.budget;
    this.#onEnd = options.onEnd;
    this.#signal = AbortSignal.any([options.signal, this.#stop.signal]);
  }

  get underWay(): ReadonlySet<SlotName> {
    return this.#underWay;
  }

  /** Milliseconds until the next advance is affordable; `undefined` while a run is under way. */
  waitMs(): number | undefined {
    return this.#running === undefined ? this.#budget.waitMs() : undefined;
  }

  /** What was reached since it was asked for last. */
  take(): readonly ReachedPosition[] {
    const reached = this.#reached;
    this.#reached = [];
    return reached;
  }

  /** Begins to carry out what is affordable, or all when it is `urgent`; nothing while a run is under way. */
  start(actions: readonly MoveAction[], { urgent }: { readonly urgent: boolean }): void {
    const isIdle = this.#running === undefined && !this.#signal.aborted;
    if (actions.length > 0 && isIdle && (urgent || this.waitMs() === 0)) {
      this.#underWay = new Set(actions.map(({ slot }) => slot));
      this.#running = this.#run(actions, urgent).finally(() => {
        this.#running = undefined;
        this.#underWay = new Set();
        this.#onEnd();
      });
    }
  }

  /** Cancels what is under way, and waits until the server has let go of it. */
  async close(): Promise<void> {
    this.#stop.abort(new Error('the advances were stopped'));
    await this.#running;
  }

  async #run(actions: readonly MoveAction[], urgent: boolean): Promise<void> {
    const last = ({ slot }: MoveAction): number => this.#advancedAt.get(slot) ?? 0;
    for (const [database, group] of byDatabase(actions.toSorted((a, b) => last(a) - last(b)))) {
      for (let start = 0; start < group.length && !this.#signal.aborted; start += CHUNK) {
        if (!urgent && this.#budget.waitMs() > 0) {
          return;
        }
        if (!(await this.#isOpen(database, group.slice(start)))) {
          break;
        }
        await this.#runChunk(database, group.slice(start, start + CHUNK));
      }
    }
  }

  /** A database that lets no session in costs the others one attempt, and none of the time for decoding. */
  async #isOpen(database: SlotDatabase, waiting: readonly MoveAction[]): Promise<boolean> {
    try {
      await this.#sessions.get(database);
      return true;
    } catch (error) {
      if (!this.#signal.aborted) {
        waiting.forEach((action) => this.#failed(action, error));
      }
      return false;
    }
  }

  async #runChunk(database: SlotDatabase, chunk: readonly MoveAction[]): Promise<void> {
    const started = this.#clock.monotonicMs();
    try {
      await this.#advance(database, chunk);
    } finally {
      const now = this.#clock.monotonicMs();
      const spentMs = now - started;
      this.#metrics.advanceSeconds.observe(spentMs / 1000);
      // What lies before the positions and is decoded as well is not known here, so the time counts.
      this.#budget.used(spentMs);
      chunk.forEach(({ slot }) => this.#advancedAt.set(slot, now));
    }
  }

  /** One statement for the chunk; when it fails, one for each slot, so that a bad slot stops only itself. */
  async #advance(database: SlotDatabase, chunk: readonly MoveAction[]): Promise<void> {
    try {
      this.#succeeded(chunk, await this.#advanceTogether(database, chunk));
      return;
    } catch (error) {
      if (this.#signal.aborted) {
        return;
      }
      if (chunk.length === 1) {
        chunk.forEach((action) => this.#failed(action, error));
        return;
      }
    }
    for (const action of chunk) {
      await this.#advance(database, [action]);
    }
  }

  async #advanceTogether(
    database: SlotDatabase,
    chunk: readonly MoveAction[],
  ): Promise<readonly AdvancedSlot[]> {
    const connection = await this.#sessions.get(database);
    const targets = chunk.map((action) => ({ name: action.slot, target: action.target }));
    return await advanceSlots(connection, targets, { signal: this.#signal });
  }

  #succeeded(chunk: readonly MoveAction[], rows: readonly AdvancedSlot[]): void {
    const positions = new Map(rows.map(({ name, endLsn }) => [name, endLsn]));
    for (const action of chunk) {
      const position = positions.get(action.slot);
      if (position !== undefined) {
        this.#failures.succeeded(action.slot);
        this.#metrics.actionsTotal.inc({ kind: action.kind, outcome: 'ok' });
        this.#reached.push({ action, position });
      }
    }
  }

  #failed({ kind, slot, target }: MoveAction, error: unknown): void {
    const stale = isPostgresError(error) && classifyPostgresError(error).class === 'stale';
    this.#metrics.actionsTotal.inc({ kind, outcome: stale ? 'stale' : 'failed' });
    this.#failures.failed(slot, 'advance', error, target);
  }
}
