import {
  chooseRestartWork,
  countMade,
  type GapAges,
  type Hold,
  type LastWork,
  noteGapAges,
  overdueGaps,
  type RemakingWork,
  type RestartBacklog,
  type RestartGap,
  type RestartWave,
  type RestartWork,
  type SlotDatabase,
  type SlotName,
  sameDatabase,
} from '@slotcast/domain';
import type { LogWriter } from '@slotcast/event-log';
import { type Clock, type Doorbell, errorFields, errorText, type Logger, pause } from '@slotcast/kernel';
import type { ConsumerMetrics } from '@slotcast/observability';
import { advanceSlot, DatabaseSessions, isMissingWal, type PostgresOptions } from '@slotcast/postgres';
import type { NodeDirectory } from '@slotcast/topics';
import type { DecodingBudget } from '../moves/decoding-budget.ts';
import type { SlotFailures } from '../slot-failures.ts';
import { SessionGate } from '../steps/session-gate.ts';
import { SlotGrants } from '../steps/slot-grants.ts';
import { KeptLeader } from './kept-leader.ts';
import { NewLeaders } from './new-leaders.ts';
import { RemakingRecords } from './remaking-records.ts';
import { FactsBoard, type RestartFacts } from './restart-facts.ts';
import { gapsOf, RestartMeter } from './restart-meter.ts';
import { NoStartError, type WaveLimits, WaveRun } from './restart-wave.ts';
import { SlotRests } from './slot-rests.ts';
import { SlotTurns, takeCut } from './slot-turns.ts';

/** How often the gaps are looked at while nothing is due. */
const LOOK_MS = 250;
/** So long a slot is left alone that failed, or gained nothing. */
const REST_MS = 10_000;
/** A session that is being opened is asked for again after so long. */
const OPENING_MS = 1000;
/** A subscriber confirms within so long, and its slot has overtaken the leading one then. */
const BEHIND_MS = 1000;
/** Part of the gap that making a slot anew has to close. */
const GAIN_PART = 8n;
/** Sessions that were not used for so long are closed. */
const IDLE_MS = 60_000;

export interface RestartWorkerOptions {
  readonly postgres: PostgresOptions;
  readonly directory: NodeDirectory;
  /** Rings the session's loop. */
  readonly doorbell: Doorbell;
  readonly budget: DecodingBudget;
  readonly failures: SlotFailures;
  readonly metrics: ConsumerMetrics;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /** The gap from which on something is done, where the server does not ask for a smaller one. */
  readonly restartGapBytes: bigint;
  readonly waveLimits?: WaveLimits | undefined;
  /** Milliseconds of decoding from which on a new leading slot is made; NEW_LEADER_MS by default. */
  readonly newLeaderMs?: number | undefined;
}

/**
 * Moves the restart_lsn of slots beside the session's loop: on sessions of its own, at its own pace, with the slots that the loop gives it. What it does can end
 * at any point; nothing of it has to be remembered.
 */
export class RestartWorker {
  readonly #options: RestartWorkerOptions;
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  readonly #facts: FactsBoard;
  readonly #grants: SlotGrants;
  readonly #records: RemakingRecords;
  readonly #sessions: DatabaseSessions;
  readonly #gate: SessionGate;
  readonly #running: Promise<void>;
  readonly #rests: SlotRests;
  readonly #newLeaders: NewLeaders;
  readonly #turns = new SlotTurns();
  #wave: WaveRun | undefined;
  readonly #leader: KeptLeader;
  /** Of the slot that is being decoded. */
  #turn: AbortController | undefined;
  #usedAt = 0;
  readonly #meter: RestartMeter;
  #ages: GapAges = new Map();
  /** Work for which decoding was too expensive already. */
  #last: (Omit<LastWork, 'agoMs'> & { readonly endedAt: number }) | undefined;
  /** What there was nothing to do about. */
  #idleFacts: RestartFacts | undefined;

  constructor(options: RestartWorkerOptions) {
    const { directory, doorbell, clock, postgres, signal } = options;
    this.#options = options;
    this.#signal = AbortSignal.any([signal, this.#stop.signal]);
    this.#meter = new RestartMeter(options);
    this.#rests = new SlotRests(clock);
    this.#newLeaders = new NewLeaders(clock, options.newLeaderMs);
    this.#facts = new FactsBoard(doorbell);
    this.#grants = new SlotGrants(doorbell);
    this.#records = new RemakingRecords(directory, clock);
    this.#sessions = new DatabaseSessions(postgres, () => undefined, this.#signal);
    this.#gate = new SessionGate({ sessions: this.#sessions, doorbell, signal: this.#signal });
    this.#leader = new KeptLeader({ ...options, facts: this.#facts, sessions: this.#sessions });
    this.#running = this.#run();
  }

  /** To be called before a round looks at the server; `busy` are slots that are being advanced by decoding. */
  looks(busy: ReadonlySet<SlotName>): void {
    this.#grants.looks(busy);
  }

  /** What the round's plan has to know. */
  underWay(busy: ReadonlySet<SlotName>): {
    readonly held: ReadonlyMap<SlotName, Hold>;
    readonly remaking: RemakingWork;
  } {
    const wave = this.#wave;
    const leaders = new Set([wave?.leader, this.#leader.name].filter((name) => name !== undefined));
    return { held: this.#grants.holds(busy), remaking: { slots: wave?.recorded ?? new Set(), leaders } };
  }

  /** Takes what the round saw and planned; `undefined` when nothing may be acted upon. */
  planned(facts: RestartFacts | undefined): void {
    this.#facts.put(facts);
    if (facts !== undefined) {
      this.#meter.measure(facts);
      if (facts.urgent) {
        this.#turn?.abort(new Error('somebody waits for an answer about the slots'));
      }
      this.#grants.give();
    }
  }

  /** To be called in every round: commits which slots are to be made anew. */
  async record(writer: LogWriter): Promise<void> {
    if (this.#facts.newest !== undefined) {
      await this.#records.write(writer);
    }
  }

  /** Running-xacts records of the primary are waited for. */
  get searching(): boolean {
    return this.#wave?.isSearching === true;
  }

  /** Present while restart_lsn falls behind faster than it is made up. */
  get backlog(): RestartBacklog | undefined {
    return this.#meter.backlog;
  }

  /** Ends what is under way; a slot that is being made anew is finished, and the leading slot goes if that can be done at once. */
  async close(): Promise<void> {
    this.#stop.abort(new Error('restart_lsn is moved no more'));
    await this.#running;
    await this.#leader.drop();
    await this.#sessions.close();
  }

  async #run(): Promise<void> {
    const { clock, budget } = this.#options;
    while (!this.#signal.aborted) {
      try {
        const work = this.#choose();
        const wait = work.kind === 'rest' ? LOOK_MS : budget.waitMs();
        if (wait > 0) {
          await this.#closeIdle();
          await clock.sleep(wait, this.#signal);
        } else {
          await this.#count(work);
        }
      } catch (error) {
        if (this.#signal.aborted) {
          return;
        }
        const fields = { ...errorFields(error, this.#options.logger), error: errorText(error) };
        this.#options.logger.warn(fields, 'moving restart_lsn failed; it is tried again');
        await pause(clock, LOOK_MS, this.#signal);
      }
    }
  }

  #choose(): RestartWork {
    const facts = this.#facts.newest;
    const { clock, budget } = this.#options;
    if (facts === undefined || facts === this.#idleFacts || facts.urgent) {
      return { kind: 'rest' };
    }
    const { view, plan } = facts;
    const { largestBytes } = this.#meter;
    const now = clock.monotonicMs();
    const gaps = gapsOf(facts);
    const used = view.slots.length + view.unreadable.length + countMade(plan.verdicts);
    const isPlaceWanted = plan.verdicts.some(({ lacksPlace }) => lacksPlace === true);
    this.#ages = noteGapAges(this.#ages, gaps, now);
    const work = chooseRestartWork({
      gaps,
      largestBytes,
      urgentBytes: this.#meter.urgentBytes,
      cost: budget.cost,
      duty: budget.duty,
      walPerSecond: this.#meter.walPerSecond,
      freeSlots: view.settings.maxReplicationSlots - used,
      resting: this.#rests.resting,
      overdue: overdueGaps(this.#ages, now),
      leader: this.#leader.source({ gaps, largestBytes }, isPlaceWanted),
      newLeader: this.#newLeaders.facts(gaps),
      last: this.#last && { ...this.#last, agoMs: now - this.#last.endedAt },
    });
    this.#idleFacts = work.kind === 'rest' ? facts : undefined;
    return work;
  }

  async #count(work: RestartWork): Promise<void> {
    const { budget, clock } = this.#options;
    const before = budget.spentMs;
    try {
      await this.#do(work);
    } finally {
      this.#usedAt = clock.monotonicMs();
      if (work.kind === 'wave' || (work.kind === 'advance' && work.why !== 'affordable')) {
        const leftOut = work.kind === 'wave' ? work.wave.leavesOut : undefined;
        this.#last = { costMs: budget.spentMs - before, endedAt: this.#usedAt, leftOut };
      }
    }
  }

  async #do(work: RestartWork): Promise<void> {
    switch (work.kind) {
      case 'rest':
        return;
      case 'advance':
        if (await this.#isOpen(work.gap.database)) {
          await this.#advance(work.gap);
        }
        return;
      case 'wave':
        if (await this.#isOpen(work.wave.database)) {
          await this.#runWave(work.wave);
        }
        return;
      case 'make_room':
        await this.#leader.giveUp(this.#signal);
        return;
    }
  }

  /**
   * Whether there is a session for it, before a slot is asked for. A database that lets none in rests with all its slots: those of others would wait for one attempt
   * after the other.
   */
  async #isOpen(database: SlotDatabase): Promise<boolean> {
    const admission = await this.#gate.enter(database);
    if (admission.kind === 'open') {
      return true;
    }
    const facts = this.#facts.newest;
    const gaps = facts === undefined ? [] : gapsOf(facts);
    const slots = gaps.flatMap((gap) => (sameDatabase(gap.database, database) ? [gap.slot] : []));
    if (admission.kind === 'later') {
      this.#rests.rest(slots, OPENING_MS);
      return false;
    }
    this.#rests.rest(slots, REST_MS);
    this.#options.logger.info(
      { database: database.name, error: errorText(admission.error) },
      'restart_lsn of the slots of a database cannot be moved now',
    );
    return false;
  }

  async #advance(gap: RestartGap): Promise<void> {
    const { metrics } = this.#options;
    const { slot } = gap;
    const turn = new AbortController();
    const signal = AbortSignal.any([this.#signal, turn.signal]);
    this.#turn = turn;
    try {
      await this.#grants.with([slot], signal, () => this.#decode(slot, signal).catch(takeCut));
      metrics.actionsTotal.inc({ kind: 'restart_advance', outcome: 'ok' });
    } catch (error) {
      this.#signal.throwIfAborted();
      if (turn.signal.aborted) {
        return;
      }
      metrics.actionsTotal.inc({ kind: 'restart_advance', outcome: 'failed' });
      this.#failed(slot, error);
    } finally {
      this.#turn = undefined;
    }
    await this.#facts.next(this.#signal);
    const now = this.#facts.gapOf(slot);
    if (now !== undefined && now.restartLsn <= gap.restartLsn) {
      this.#turns.gainedNothing(slot);
      if (gap.bytes > this.#meter.largestBytes) {
        this.#rests.rest([slot], REST_MS);
      } else {
        // It is no hurry, and nobody should go round and round with those of an idle cluster.
        const since = this.#options.clock.monotonicMs();
        this.#ages = new Map(this.#ages).set(slot, { restartLsn: now.restartLsn, since });
      }
    } else {
      this.#turns.gained(slot);
    }
  }

  /** To where it stands: it stays there, and the server takes over each record that it passes, whenever it is interrupted. */
  async #decode(slot: SlotName, signal: AbortSignal): Promise<void> {
    const gap = this.#facts.gapOf(slot);
    if (gap === undefined) {
      return;
    }
    const { position: target, restartLsn } = gap;
    const session = await this.#sessions.get(gap.database);
    const limits = { signal, timeoutMs: this.#turns.of(slot) };
    await this.#options.budget.decode(Number(target - restartLsn), () =>
      advanceSlot(session, { name: slot, target }, limits),
    );
  }

  #failed(slot: SlotName, error: unknown): void {
    if (isMissingWal(error)) {
      this.#options.failures.failed(slot, 'moving restart_lsn', error);
      return;
    }
    this.#rests.rest([slot], REST_MS);
    this.#options.logger.info(
      { slot, error: errorText(error) },
      'moving restart_lsn of a slot did not work out',
    );
  }

  async #runWave(wave: RestartWave): Promise<void> {
    const { metrics, clock, logger, budget } = this.#options;
    const parts = { facts: this.#facts, grants: this.#grants, records: this.#records };
    const run = new WaveRun(wave, {
      ...parts,
      sessions: this.#sessions,
      budget,
      clock,
      logger,
      signal: this.#signal,
      leastGainBytes: this.#meter.largestBytes / GAIN_PART,
      limits: this.#options.waveLimits ?? {},
    });
    this.#wave = run;
    this.#leader.waveBegins(run.leader, wave.database);
    try {
      const { gainless, behind } = await run.run();
      this.#leader.waveEnded();
      this.#rests.rest(gainless, REST_MS);
      this.#rests.rest(behind, BEHIND_MS);
      if (wave.isNew === true) {
        this.#newLeaders.leftBehind(behind.flatMap((slot) => this.#facts.gapOf(slot) ?? []));
      }
    } catch (error) {
      if (error instanceof NoStartError) {
        this.#newLeaders.waitedInVain();
        logger.info({ database: wave.database.name, error: error.message }, 'what slots lack is decoded');
        return;
      }
      this.#rests.rest(
        wave.stages.flatMap(({ slots }) => slots.map(({ slot }) => slot)),
        REST_MS,
      );
      throw error;
    } finally {
      this.#wave = undefined;
      metrics.actionsTotal.inc({ kind: 'remake', outcome: 'ok' }, run.remade);
    }
    await this.#facts.next(this.#signal);
  }

  async #closeIdle(): Promise<void> {
    const { clock } = this.#options;
    if (this.#usedAt > 0 && clock.monotonicMs() - this.#usedAt >= IDLE_MS) {
      this.#usedAt = 0;
      await this.#sessions.close();
    }
  }
}
