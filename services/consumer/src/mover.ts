import {
  byDatabase,
  databaseOf,
  formatLsn,
  type LocalSlot,
  type Lsn,
  type Plan,
  type SlotDatabase,
  type SlotName,
} from '@slotcast/domain';
import {
  classifyPostgresError,
  type DatabaseSessions,
  describePostgresError,
  isPostgresError,
  moveSlots,
  type SlotMove,
  type SlotMoveOutcome,
  takesDecoding,
} from '@slotcast/postgres';
import { type Clock, type ConsumerMetrics, errorText, type Logger } from '@slotcast/runtime';
import { DecodingAdvances, type MoveAction, type ReachedPosition } from './decoding-advances.ts';
import type { DecodingBudget } from './decoding-budget.ts';
import { MoveRefusals } from './move-refusals.ts';
import type { SlotFailures } from './slot-failures.ts';

/** Slots in one batch. */
const BATCH = 250;
/** A batch takes milliseconds; a server that needs so long does not answer. */
const BATCH_TIMEOUT_MS = 10_000;
/** A slot that has to be kept from its idle timeout so soon again was not kept by the move. */
const KEPT_MS = 1000;
/** Pace of each slot where the server's log cannot be kept quiet. */
const LOUD_INTERVAL_MS = 1000;

export interface MoverOptions {
  readonly sessions: DatabaseSessions;
  readonly failures: SlotFailures;
  readonly clock: Clock;
  readonly metrics: ConsumerMetrics;
  readonly logger: Logger;
  /** What advances by decoding may take. */
  readonly budget: DecodingBudget;
  /** How long the server may take for one batch of moves; 10 s by default. */
  readonly batchTimeoutMs?: number | undefined;
  /** Called when an advance by decoding has ended. */
  readonly onEnd: () => void;
  readonly signal: AbortSignal;
}

/**
 * Moves slots: all that are due at once and without decoding, and those that cannot be moved so by advances beside it, which hold up none of
 * the others.
 */
export class Mover {
  readonly #options: MoverOptions;
  readonly #refusals: MoveRefusals;
  readonly #decoding: DecodingAdvances;
  readonly #triedAt = new Map<SlotName, number>();

  constructor(options: MoverOptions) {
    this.#options = options;
    this.#refusals = new MoveRefusals(options.clock);
    this.#decoding = new DecodingAdvances(options);
  }

  /** Slots that are being advanced by decoding, which any other step would find in use. */
  get underWay(): ReadonlySet<SlotName> {
    return this.#decoding.underWay;
  }

  /** Milliseconds until slots that take decoding may be advanced again; `undefined` while that is under way. */
  waitMs(): number | undefined {
    return this.#decoding.waitMs();
  }

  /** Why a slot here is advanced by decoding; `undefined` when it is not. */
  decodingReason(slot: Pick<LocalSlot, 'name' | 'database' | 'databaseOid'>): string | undefined {
    return this.#refusals.isEmpty ? undefined : this.#refusals.reasonOf(slot.name, databaseOf(slot));
  }

  /** The slot is gone: another one of its name may be moved in another way. */
  forget(slot: SlotName): void {
    this.#refusals.forgetSlot(slot);
  }

  /**
   * Moves the slots to their goals, none beyond `upTo`. Returns what was reached since the last call, as the server told. With `urgent`
   * neither the pace nor the budget of advances counts.
   */
  async run(
    actions: readonly MoveAction[],
    { upTo, urgent }: { readonly upTo: Lsn; readonly urgent: boolean },
  ): Promise<readonly ReachedPosition[]> {
    const due = actions.filter(
      (action) => !this.underWay.has(action.slot) && (urgent || this.#isDue(action)),
    );
    const toMove = due.filter(
      (action) => this.#refusals.mayTry(action.slot, action.database) && !this.#wasKept(action),
    );
    const moving = byDatabase(toMove).map(([database, group]) => this.#moveDatabase(database, group, upTo));
    const rounds = await allOf(moving);
    this.#noteTried(toMove.map(({ slot }) => slot));
    const moved = new Set(toMove);
    const toDecode = [
      ...due.filter((action) => !moved.has(action)),
      ...rounds.flatMap(({ refused }) => refused),
    ];
    this.#decoding.start(toDecode, { urgent });
    this.#noteTried(this.underWay);
    return [...rounds.flatMap(({ reached }) => reached), ...this.#decoding.take()];
  }

  /** Cancels advances that are under way. */
  async close(): Promise<void> {
    await this.#decoding.close();
  }

  #isDue({ slot }: MoveAction): boolean {
    const last = this.#triedAt.get(slot);
    return (
      this.#options.sessions.quiet ||
      last === undefined ||
      this.#options.clock.monotonicMs() - last >= LOUD_INTERVAL_MS
    );
  }

  #wasKept({ kind, slot }: MoveAction): boolean {
    const last = this.#triedAt.get(slot) ?? Number.NEGATIVE_INFINITY;
    return kind === 'keep' && this.#options.clock.monotonicMs() - last < KEPT_MS;
  }

  #noteTried(slots: Iterable<SlotName>): void {
    const now = this.#options.clock.monotonicMs();
    for (const slot of slots) {
      this.#triedAt.set(slot, now);
    }
  }

  /** What a database gives no session for, or does not answer in time, takes decoding for a while. */
  async #moveDatabase(database: SlotDatabase, actions: readonly MoveAction[], upTo: Lsn): Promise<MoveRound> {
    const round: MoveRound = { reached: [], refused: [] };
    for (let start = 0; start < actions.length; start += BATCH) {
      const batch = actions.slice(start, start + BATCH);
      const outcomes = await this.#moveBatch(database, batch, upTo);
      if (outcomes === undefined) {
        round.refused.push(...actions.slice(start));
        return round;
      }
      const bySlot = new Map(outcomes.map((outcome) => [outcome.name, outcome]));
      batch.forEach((action) => this.#sort(action, bySlot.get(action.slot), round));
    }
    return round;
  }

  /** `undefined` when there was no session for it, or it failed: then it is unknown which slots have moved. */
  async #moveBatch(
    database: SlotDatabase,
    batch: readonly MoveAction[],
    upTo: Lsn,
  ): Promise<readonly SlotMoveOutcome[] | undefined> {
    const { sessions, clock, metrics, signal, batchTimeoutMs: timeoutMs = BATCH_TIMEOUT_MS } = this.#options;
    const moves = batch.map(({ slot, plugin, goal }): SlotMove => ({ name: slot, plugin, target: goal }));
    let attempted = 'a walsender session';
    try {
      return await sessions.useWalsender(database, async (session) => {
        attempted = 'moving slots without decoding';
        const started = clock.monotonicMs();
        const outcomes = await moveSlots(session, moves, { upTo, timeoutMs, signal });
        metrics.moveSeconds.observe((clock.monotonicMs() - started) / 1000);
        this.#refusals.forgetDatabase(database);
        return outcomes;
      });
    } catch (error) {
      signal.throwIfAborted();
      if (!isPostgresError(error)) {
        throw error;
      }
      this.#refuseDatabase(database, `${attempted} on database ${database.name} failed: ${explain(error)}`);
      return undefined;
    }
  }

  #sort(action: MoveAction, outcome: SlotMoveOutcome | undefined, round: MoveRound): void {
    const { failures, metrics } = this.#options;
    const kind = action.kind === 'keep' ? 'keep' : 'move';
    // Without a position it is gone, which the next look will show.
    if (outcome === undefined || (outcome.kind === 'stayed' && outcome.position === undefined)) {
      return;
    }
    if (outcome.kind === 'moved') {
      failures.succeeded(action.slot);
      this.#refusals.forgetSlot(action.slot);
      metrics.actionsTotal.inc({ kind, outcome: 'ok' });
      round.reached.push({ action, position: outcome.position });
    } else if (outcome.kind === 'stayed' || takesDecoding(outcome)) {
      const said = outcome.kind === 'stayed' ? 'the server left it where it stood' : explain(outcome.error);
      metrics.actionsTotal.inc({ kind, outcome: 'refused' });
      this.#refuseSlot(action.slot, `moving it without decoding failed: ${said}`);
      round.refused.push(action);
    } else {
      const stale = classifyPostgresError(outcome.error).class === 'stale';
      metrics.actionsTotal.inc({ kind, outcome: stale ? 'stale' : 'failed' });
      failures.failed(action.slot, `move to ${formatLsn(action.goal)}`, outcome.error);
    }
  }

  #refuseSlot(slot: SlotName, reason: string): void {
    const isNews = this.#refusals.refuseSlot(slot, reason);
    this.#options.logger[isNews ? 'warn' : 'debug']({ slot, reason }, 'a slot is advanced by decoding');
  }

  #refuseDatabase(database: SlotDatabase, reason: string): void {
    const isNews = this.#refusals.refuseDatabase(database, reason);
    this.#options.logger[isNews ? 'warn' : 'debug'](
      { database: database.name, reason },
      'the slots of a database are advanced by decoding',
    );
  }
}

/** Carries out the advances of a plan, keeps slots from their idle timeout, and says which slots arrived where, and whether some have not reached their goals. */
export async function runAdvances(
  mover: Mover,
  { verdicts }: Plan,
  options: { readonly upTo: Lsn; readonly urgent: boolean },
): Promise<{ readonly advanced: readonly ReachedPosition[]; readonly advancesLeft: boolean }> {
  const advances = verdicts.flatMap(({ action }): MoveAction[] => {
    if (action?.kind === 'advance') {
      return [action];
    }
    // After a crash of the standby a slot may stand beyond what it has replayed again.
    return action?.kind === 'keep' && action.position <= options.upTo
      ? [{ ...action, target: action.position, goal: action.position }]
      : [];
  });
  const advanced = await mover.run(advances, options);
  const positions = new Map(advanced.map(({ action, position }) => [action.slot, position]));
  const advancesLeft = advances.some(({ slot, goal }) => (positions.get(slot) ?? 0n) < goal);
  return { advanced, advancesLeft };
}

interface MoveRound {
  readonly reached: ReachedPosition[];
  /** Slots that take decoding. */
  readonly refused: MoveAction[];
}

function explain(error: unknown): string {
  return isPostgresError(error)
    ? `${describePostgresError(error)}; ${classifyPostgresError(error).remedy}`
    : errorText(error);
}

/** All results; the first error is thrown when nothing is under way any more. */
async function allOf<T>(promises: readonly Promise<T>[]): Promise<readonly T[]> {
  const settled = await Promise.allSettled(promises);
  return settled.map((result) => {
    if (result.status === 'rejected') {
      throw result.reason;
    }
    return result.value;
  });
}
