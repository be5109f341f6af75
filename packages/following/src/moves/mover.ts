import {
  byDatabase,
  databaseKey,
  type Lsn,
  type Plan,
  type Reason,
  reason,
  reasonText,
  type SlotDatabase,
  type SlotName,
} from '@slotcast/domain';
import { type Clock, errorText, type Logger } from '@slotcast/kernel';
import type { ConsumerMetrics } from '@slotcast/observability';
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
import type { SlotFailures } from '../slot-failures.ts';
import { DecodingAdvances, type MoveAction, type ReachedPosition } from './decoding-advances.ts';
import type { DecodingBudget } from './decoding-budget.ts';
import { MoveRefusals } from './move-refusals.ts';

/** Slots in one batch. */
const BATCH = 250;
/** A batch takes milliseconds; a server that needs so long does not answer. */
const BATCH_TIMEOUT_MS = 10_000;
/** A slot that has to be kept from its idle timeout so soon again was not kept by the move. */
const KEPT_MS = 1000;
/** Those of a database that does not answer in time go on beside the rounds. */
const PATIENCE_MS = 200;
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
  /** How long a round waits for the moves that it began; 200 ms by default. */
  readonly patienceMs?: number | undefined;
  /** Called when an advance by decoding has ended, or moves that took too long to be waited for. */
  readonly onEnd: () => void;
  readonly signal: AbortSignal;
}

/**
 * Moves slots: all that are due at once and without decoding, and those that cannot be moved so by advances beside it, which hold up none of
 * the others. Nor does a database that does not answer.
 */
export class Mover {
  readonly #options: MoverOptions;
  readonly #refusals: MoveRefusals;
  readonly #decoding: DecodingAdvances;
  readonly #triedAt = new Map<SlotName, number>();
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  /** By `databaseKey`. */
  readonly #moving = new Map<string, DatabaseMoves>();
  /** What has ended since it was asked for last. */
  #ended: PromiseSettledResult<MoveRound>[] = [];
  #isWaitedFor = false;

  constructor(options: MoverOptions) {
    this.#options = options;
    this.#signal = AbortSignal.any([options.signal, this.#stop.signal]);
    this.#refusals = new MoveRefusals(options.clock);
    this.#decoding = new DecodingAdvances(options);
  }

  /** Slots that are being moved beside the rounds, which any other step would find in use. */
  get underWay(): ReadonlySet<SlotName> {
    return this.#moving.size === 0
      ? this.#decoding.underWay
      : new Set([...this.#decoding.underWay, ...[...this.#moving.values()].flatMap(({ slots }) => slots)]);
  }

  /** Milliseconds until slots that take decoding may be advanced again; `undefined` while something is under way. */
  waitMs(): number | undefined {
    return this.#moving.size === 0 ? this.#decoding.waitMs() : undefined;
  }

  /** Why a slot here is advanced by decoding; `undefined` when it is not. */
  decodingReason(slot: SlotName, database: SlotDatabase): Reason | undefined {
    return this.#refusals.isEmpty ? undefined : this.#refusals.reasonOf(slot, database);
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
    const mayMove = due.filter(
      (action) => this.#refusals.mayTry(action.slot, action.database) && !this.#wasKept(action),
    );
    const toMove = mayMove.filter(({ database }) => !this.#moving.has(databaseKey(database)));
    const rounds = await this.#moveAll(toMove, upTo);
    this.#noteTried(toMove.map(({ slot }) => slot));
    const moved = new Set(mayMove);
    const toDecode = [
      ...due.filter((action) => !moved.has(action)),
      ...rounds.flatMap(({ refused }) => refused),
    ];
    this.#decoding.start(toDecode, { urgent });
    this.#noteTried(this.#decoding.underWay);
    return [...rounds.flatMap(({ reached }) => reached), ...this.#decoding.take()];
  }

  /** Cancels what is under way, and waits until the server has let go of it. What has no session yet is not sent any more. */
  async close(): Promise<void> {
    this.#stop.abort(new Error('the moves were stopped'));
    const sent = [...this.#moving.values()].filter(({ isSent }) => isSent);
    await Promise.all([this.#decoding.close(), ...sent.map(({ ended }) => ended)]);
  }

  /** Begins the moves and waits for them, though not for long. Returns what has ended since the last time; the first error is thrown. */
  async #moveAll(actions: readonly MoveAction[], upTo: Lsn): Promise<readonly MoveRound[]> {
    const begun = byDatabase(actions).map(([database, group]) => this.#begin(database, group, upTo));
    if (begun.length > 0) {
      this.#isWaitedFor = true;
      const late = new AbortController();
      await Promise.race([
        Promise.all(begun).finally(() => late.abort()),
        this.#options.clock
          .sleep(this.#options.patienceMs ?? PATIENCE_MS, late.signal)
          .catch(() => undefined),
      ]);
      this.#isWaitedFor = false;
    }
    const results = this.#ended;
    this.#ended = [];
    return results.map((result) => {
      if (result.status === 'rejected') {
        throw result.reason;
      }
      return result.value;
    });
  }

  /** Resolves when the moves have ended, however they did. */
  #begin(database: SlotDatabase, actions: readonly MoveAction[], upTo: Lsn): Promise<void> {
    const key = databaseKey(database);
    const moves = { slots: actions.map(({ slot }) => slot), isSent: false };
    const onSent = (): void => {
      moves.isSent = true;
    };
    const untilEnded = async (): Promise<void> => {
      const [result] = await Promise.allSettled([this.#moveDatabase(database, actions, { upTo, onSent })]);
      this.#ended.push(result);
      this.#moving.delete(key);
      if (!this.#isWaitedFor) {
        this.#options.onEnd();
      }
    };
    const ended = untilEnded();
    this.#moving.set(key, Object.assign(moves, { ended }));
    return ended;
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
  async #moveDatabase(
    database: SlotDatabase,
    actions: readonly MoveAction[],
    limits: BatchLimits,
  ): Promise<MoveRound> {
    const round: MoveRound = { reached: [], refused: [] };
    for (let start = 0; start < actions.length; start += BATCH) {
      const batch = actions.slice(start, start + BATCH);
      const outcomes = await this.#moveBatch(database, batch, limits);
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
    { upTo, onSent }: BatchLimits,
  ): Promise<readonly SlotMoveOutcome[] | undefined> {
    const { sessions, clock, metrics, batchTimeoutMs: timeoutMs = BATCH_TIMEOUT_MS } = this.#options;
    const moves = batch.map(({ slot, plugin, goal }): SlotMove => ({ name: slot, plugin, target: goal }));
    let attempted = 'a walsender session';
    try {
      return await sessions.useWalsender(database, async (session) => {
        attempted = 'moving slots without decoding';
        onSent();
        const started = clock.monotonicMs();
        const outcomes = await moveSlots(session, moves, { upTo, timeoutMs, signal: this.#signal });
        metrics.moveSeconds.observe((clock.monotonicMs() - started) / 1000);
        this.#refusals.forgetDatabase(database);
        return outcomes;
      });
    } catch (error) {
      this.#signal.throwIfAborted();
      if (!isPostgresError(error)) {
        throw error;
      }
      const of = { step: attempted, database: database.name ?? 'unknown' };
      this.#refuseDatabase(database, reason('no_walsender', { ...of, ...sayOf(error) }));
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
      const said =
        outcome.kind === 'stayed' ? { said: 'the server left it where it stood' } : sayOf(outcome.error);
      metrics.actionsTotal.inc({ kind, outcome: 'refused' });
      this.#refuseSlot(action.slot, reason('move_refused', said));
      round.refused.push(action);
    } else {
      const stale = classifyPostgresError(outcome.error).class === 'stale';
      metrics.actionsTotal.inc({ kind, outcome: stale ? 'stale' : 'failed' });
      failures.failed(action.slot, 'move', outcome.error, action.goal);
    }
  }

  #refuseSlot(slot: SlotName, why: Reason): void {
    const isNews = this.#refusals.refuseSlot(slot, why);
    const fields = { slot, reason: reasonText([why]) };
    this.#options.logger[isNews ? 'warn' : 'debug'](fields, 'a slot is advanced by decoding');
  }

  #refuseDatabase(database: SlotDatabase, why: Reason): void {
    const isNews = this.#refusals.refuseDatabase(database, why);
    this.#options.logger[isNews ? 'warn' : 'debug'](
      { database: database.name, reason: reasonText([why]) },
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

interface BatchLimits {
  readonly upTo: Lsn;
  /** Called when there is a session for it. */
  readonly onSent: () => void;
}

/** Moves of one database that are under way. */
interface DatabaseMoves {
  readonly slots: readonly SlotName[];
  /** The server may be at it. */
  readonly isSent: boolean;
  readonly ended: Promise<void>;
}

/** What the server said, with the remedy, and by which code it is known. */
function sayOf(error: unknown): { readonly said: string; readonly sqlstate?: string | undefined } {
  return isPostgresError(error)
    ? {
        said: `${describePostgresError(error)}; ${classifyPostgresError(error).remedy}`,
        sqlstate: error.code,
      }
    : { said: errorText(error) };
}
