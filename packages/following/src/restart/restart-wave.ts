import { randomInt } from 'node:crypto';
import {
  formatLsn,
  isLeadingSlot,
  isPinnedWithOthers,
  LEADER_PREFIX,
  type Lsn,
  PROBE_PREFIX,
  parseSlotName,
  REMAKE_COST_MS,
  type RestartGap,
  type RestartWave,
  type SlotName,
} from '@slotcast/domain';
import type { Clock, Logger } from '@slotcast/kernel';
import {
  advanceSlot,
  copySlot,
  createTemporarySlot,
  type DatabaseSessions,
  dropSlot,
  findLoadFailure,
  type PostgresConnection,
  remakeSlot,
  StatementTimeoutError,
} from '@slotcast/postgres';
import type { DecodingBudget } from '../moves/decoding-budget.ts';
import { NotGrantedError, type SlotGrants } from '../steps/slot-grants.ts';
import type { RemakingRecords } from './remaking-records.ts';
import type { FactsBoard } from './restart-facts.ts';

/** Slots that are made anew in one go; nothing else is done to them meanwhile. */
const CHUNK = 5;
/** The server's part takes a few milliseconds; it is not cancelled, as only it can finish what it began. */
const REMAKE_MS = 10_000;
/** What one statement decodes with the leading slot until then counts, and the next one goes on from there. */
const DECODE_MS = 120_000;
/** So long a new leading slot may look for a point where it can start. */
const START_MS = 10_000;
/** Among so many names the same one is hardly chosen twice. */
const MOST_NAMES = 2 ** 40;
/** While somebody waits for an answer about the slots, whether that is over is looked at this often. */
const URGENT_MS = 20;

export interface WaveParts {
  readonly sessions: DatabaseSessions;
  readonly facts: FactsBoard;
  readonly grants: SlotGrants;
  readonly records: RemakingRecords;
  readonly budget: DecodingBudget;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /** Where the leading slot needs so little less WAL than a slot, that slot is left as it is. */
  readonly leastGainBytes: bigint;
  readonly limits: WaveLimits;
}

/** How long a wave may take for its parts, in milliseconds. */
export interface WaveLimits {
  /** For one statement that decodes with the leading slot; two minutes by default. */
  readonly decodeMs?: number | undefined;
  /** For a new leading slot to find a point where it can start; ten seconds by default. */
  readonly startMs?: number | undefined;
}

/** No new leading slot could start: transactions of the primary were open all the time, or it logged no record from which to start. */
export class NoStartError extends Error {
  override name = 'NoStartError';

  constructor(ms: number, cause: unknown) {
    super(
      `a new leading slot found no point to start from in ${ms} ms: a transaction on the primary may be open, or no publisher there to have records logged`,
      { cause },
    );
  }
}

/** Slots that a wave left as they are. */
export interface LeftSlots {
  /** They would have gained nothing, or the server refused. */
  readonly gainless: readonly SlotName[];
  /** They stand before the leading slot, as their subscribers have not come so far yet, or other work has them. */
  readonly behind: readonly SlotName[];
}

type Outcome = 'remade' | keyof LeftSlots;

/**
 * Makes slots anew from one that leads. It can end at any point: ownership says beforehand which slots that concerns, the leading slot stays until none of them
 * is missing, and the session's plan makes those that are.
 */
export class WaveRun {
  readonly #parts: WaveParts;
  readonly #wave: RestartWave;
  readonly leader: SlotName;
  #position: Lsn;
  /** Slots that are recorded, and may be missing for a moment. */
  recorded: ReadonlySet<SlotName> = new Set();
  /** Slots that were made anew. */
  remade = 0;
  /** A point is looked for from which the leading slot may start; that takes running-xacts records of the primary. */
  isSearching = false;

  constructor(wave: RestartWave, parts: WaveParts) {
    this.#wave = wave;
    this.#parts = parts;
    this.#position = wave.source.position;
    const { slot } = wave.source;
    this.leader = isLeadingSlot(slot) ? slot : freshName();
  }

  async run(): Promise<LeftSlots> {
    const { sessions, facts, records, signal, logger } = this.#parts;
    const { database, source, led, isNew, stages } = this.#wave;
    const slots = stages.flatMap((stage) => stage.slots);
    const session = await sessions.get(database);
    const proven = new Set<string>();
    if (isNew === true) {
      await this.#makeNew(session);
      proven.add(source.plugin);
    } else if (source.slot !== this.leader) {
      await this.#makeFrom(session, source.slot);
      proven.add(source.plugin);
    }
    const plugins = new Set(slots.map(({ plugin }) => plugin).filter((plugin) => !proven.has(plugin)));
    await this.#provePlugins(session, plugins);
    if (led) {
      await this.#leadFirst(session);
    }
    await facts.next(signal);
    if (isNew === true) {
      this.#provePin();
    }
    const concerned = slots.map(({ slot }) => slot);
    if (!slots.some((gap) => this.#gains(gap))) {
      return { gainless: concerned, behind: [] };
    }
    this.recorded = await records.ask(concerned, signal);
    const left = { gainless: Array<SlotName>(), behind: Array<SlotName>() };
    for (const [index, stage] of stages.entries()) {
      if (index > 0) {
        await this.#lead(session, stage.target);
        await facts.next(signal);
      }
      const due = stage.slots.filter(({ slot }) => this.recorded.has(slot));
      for (let start = 0; start < due.length; start += CHUNK) {
        for (const [slot, outcome] of await this.#remakeAll(session, due.slice(start, start + CHUNK))) {
          if (outcome !== 'remade') {
            left[outcome].push(slot);
          }
        }
      }
    }
    const fields = { database: database.name, leader: this.leader, slots: this.remade };
    logger.info({ ...fields, to: formatLsn(this.#position) }, 'made slots anew from a leading slot');
    return left;
  }

  /**
   * Makes the leading slot as every slot is made: a temporary one finds a point from which decoding may start, which takes records of the primary, and ends once it has
   * a copy that lasts. Rejects with a NoStartError when none was found in time: a transaction may be open.
   */
  async #makeNew(session: PostgresConnection): Promise<void> {
    const { sessions, signal, limits } = this.#parts;
    const { startMs = START_MS } = limits;
    const { database, source } = this.#wave;
    const { connection } = await sessions.openPrivate(database);
    const name = `${PROBE_PREFIX}${this.leader.slice(LEADER_PREFIX.length)}`;
    const patience = AbortSignal.timeout(startMs);
    this.isSearching = true;
    try {
      const wanted = { name, plugin: source.plugin, onStandbyOnly: true };
      await createTemporarySlot(connection, wanted, AbortSignal.any([signal, patience]));
      this.isSearching = false;
      // The copy has to be made while the temporary slot holds what it needs.
      await this.#makeFrom(session, name);
    } catch (error) {
      signal.throwIfAborted();
      throw patience.aborted ? new NoStartError(startMs, error) : error;
    } finally {
      this.isSearching = false;
      await connection.close();
    }
  }

  /** Makes the leading slot as a copy. A source that goes on moving may stand beyond where it was seen. */
  async #makeFrom(session: PostgresConnection, source: string): Promise<void> {
    const { budget, signal } = this.#parts;
    const names = { source, target: this.leader, plugin: this.#wave.source.plugin };
    this.#position = (await copySlot(session, names, signal)).confirmedFlushLsn;
    budget.used(REMAKE_COST_MS);
  }

  #provePin(): void {
    const { facts } = this.#parts;
    const leader = facts.local(this.leader);
    const others = { local: facts.newest?.view.slots ?? [], verdicts: facts.newest?.plan.verdicts ?? [] };
    if (leader === undefined || !isPinnedWithOthers(leader, others)) {
      throw new Error(
        `${this.leader} is not used: the primary is not seen to hold catalog rows that are as old as those that it needs`,
      );
    }
  }

  /**
   * A library that cannot be loaded would come to light when the slot is dropped already, also in a session that has loaded it: the server looks for its file each
   * time.
   */
  async #provePlugins(session: PostgresConnection, plugins: ReadonlySet<string>): Promise<void> {
    const { signal } = this.#parts;
    const copy = `${PROBE_PREFIX}leader`;
    for (const plugin of plugins) {
      const said = await findLoadFailure(session, { source: this.leader, copy, plugin }, signal);
      if (said !== undefined) {
        throw new Error(`the plugin ${plugin} cannot be loaded: ${said}`);
      }
      await dropSlot(session, copy, signal);
    }
  }

  /** Up to where it stands the server takes over every record that it passes; beyond, only the first. */
  async #leadFirst(session: PostgresConnection): Promise<void> {
    const { source, stages } = this.#wave;
    await this.#advance(session, this.#position, Number(this.#position - source.restartLsn));
    await this.#lead(session, stages[0]?.target ?? this.#position);
  }

  async #lead(session: PostgresConnection, target: Lsn): Promise<void> {
    if (target <= this.#position) {
      return;
    }
    const bytes = Number(target - this.#position);
    await this.#advance(session, target, bytes);
    await this.#advance(session, target, bytes);
    this.#position = target;
  }

  async #advance(session: PostgresConnection, target: Lsn, bytes: number): Promise<void> {
    const { budget, signal, limits } = this.#parts;
    const { decodeMs: timeoutMs = DECODE_MS } = limits;
    for (let left: number | undefined = bytes; left !== undefined; ) {
      await this.#affordable();
      const before = this.#restartLsn();
      try {
        await budget.decode(left, () =>
          advanceSlot(session, { name: this.leader, target }, { signal, timeoutMs }),
        );
        left = undefined;
      } catch (error) {
        const now = error instanceof StatementTimeoutError ? await this.#movedSince(before) : undefined;
        if (now === undefined) {
          throw error;
        }
        left = Number(target - now);
      }
    }
  }

  #restartLsn(): Lsn {
    return this.#parts.facts.local(this.leader)?.restartLsn ?? this.#wave.source.restartLsn;
  }

  /** From where the leading slot needs WAL now; `undefined` when that has not moved. All would be decoded in vain, time and again, if a long way had to be done at once. */
  async #movedSince(before: Lsn): Promise<Lsn | undefined> {
    await this.#parts.facts.next(this.#parts.signal);
    const now = this.#restartLsn();
    return now > before ? now : undefined;
  }

  #gains({ slot }: RestartGap): boolean {
    const { facts } = this.#parts;
    const [here, leading] = [facts.gapOf(slot), facts.local(this.leader)];
    return (
      here !== undefined &&
      leading?.restartLsn !== undefined &&
      leading.restartLsn - here.restartLsn >= this.#parts.leastGainBytes
    );
  }

  async #remakeAll(
    session: PostgresConnection,
    gaps: readonly RestartGap[],
  ): Promise<ReadonlyMap<SlotName, Outcome>> {
    const { grants, budget, signal } = this.#parts;
    const slots = gaps.map(({ slot }) => slot);
    await this.#affordable();
    const before = this.remade;
    // One that is not given is being advanced by decoding, which is what it needs.
    const outcomes = new Map<SlotName, Outcome>(slots.map((slot) => [slot, 'behind']));
    try {
      await grants.with(slots, signal, async (given) => {
        for (const gap of gaps.filter(({ slot }) => given.has(slot))) {
          outcomes.set(gap.slot, await this.#remake(session, gap));
        }
      });
    } catch (error) {
      if (!(error instanceof NotGrantedError)) {
        throw error;
      }
    }
    budget.used((this.remade - before) * REMAKE_COST_MS);
    return outcomes;
  }

  async #remake(session: PostgresConnection, gap: RestartGap): Promise<Outcome> {
    const { facts, logger, signal } = this.#parts;
    signal.throwIfAborted();
    const now = facts.gapOf(gap.slot);
    if (now === undefined || !this.#gains(gap)) {
      return 'gainless';
    }
    if (now.position < this.#position) {
      return 'behind';
    }
    const { slot, plugin, position } = now;
    const wanted = { slot, leader: this.leader, plugin, confirmed: position };
    const outcome = await remakeSlot(session, wanted, REMAKE_MS);
    if (outcome.kind === 'refused') {
      logger.warn({ slot, leader: this.leader, reason: outcome.reason }, 'a slot was not made anew');
      return 'gainless';
    }
    this.remade += 1;
    return 'remade';
  }

  async #affordable(): Promise<void> {
    const { budget, clock, facts, signal } = this.#parts;
    const wait = (): number => (facts.newest?.urgent === true ? URGENT_MS : budget.waitMs());
    for (let ms = wait(); ms > 0; ms = wait()) {
      await clock.sleep(ms, signal);
    }
  }
}

/**
 * No other process of this node ever means another slot by it. One that was frozen does not know what was done meanwhile, and its statements may arrive at any later
 * time.
 */
function freshName(): SlotName {
  return parseSlotName(`${LEADER_PREFIX}${randomInt(MOST_NAMES)}`);
}
