import {
  apartFrom,
  assertHandOff,
  besideOwn,
  type ContestedTimelines,
  type DivergencePolicy,
  earlierFences,
  type FencePass,
  fencedLsn,
  fenceTargets,
  findContested,
  findOpenEnd,
  formatLsn,
  HAND_OFF_RETRIES,
  HAND_OFF_RETRY_PAUSE_MS,
  type HandOffInput,
  type HandOffPlan,
  judgeQuarantines,
  type LocalSlot,
  type OpenTransaction,
  type OtherPrimary,
  type Outlived,
  type Ownership,
  type Promotion,
  type PublishedLine,
  planHandOff,
  type Reason,
  reason,
  type SlotLost,
  type SlotName,
  type SlotState,
  safetyPart,
  sameStart,
  settledLosses,
  startOf,
  type TimelineHistory,
  withoutWrongSteps,
} from '@slotcast/domain';
import type { Clock, Logger } from '@slotcast/kernel';
import {
  connectPostgres,
  DatabaseSessions,
  flushWal,
  type ObservedPrimary,
  observePrimary,
  type PostgresConnection,
  type PostgresOptions,
  readLeadingSlots,
} from '@slotcast/postgres';
import type { EndedRecovery } from './ended-recovery.ts';
import type { HandOffLease } from './hand-off-lease.ts';
import { dropLeaders, ownershipAfter } from './leading-slots.ts';
import { withOrphanPrepared } from './orphan-prepared.ts';
import { PromotionReport } from './promotion-report.ts';
import { type FailedSlots, SlotMover } from './slot-mover.ts';
import { readSwitch, type SwitchPoint } from './switch-point.ts';
import { notRestored, notTwoPhase } from './undone-steps.ts';
import { UnheardWal } from './unheard-wal.ts';
import { tryFence } from './wal-fence.ts';

/** What the topics say of a node that its hand-off needs. */
export interface NodeKnowledge {
  readonly ownership: ReadonlyMap<SlotName, Ownership>;
  /** Why slots were not ready, as the consumer last wrote. */
  readonly reasons: ReadonlyMap<SlotName, readonly Reason[]>;
  /** Transactions that were prepared on other nodes when these were primaries, as they wrote last. */
  readonly prepared: readonly OpenTransaction[];
  /** The promotions that the nodes' records tell of. */
  readonly promotions: readonly Promotion[];
  /** Other nodes that were promoted. */
  readonly others: readonly OtherPrimary[];
  /** The promotion that this node's record tells of. */
  readonly earlier: Promotion | undefined;
}

/** What the topics say that a hand-off needs. */
interface HandOffKnowledge extends NodeKnowledge {
  readonly node: string;
  publishedOn(history: TimelineHistory): PublishedLine;
}

export interface HandOffOptions {
  readonly postgres: PostgresOptions;
  readonly knowledge: HandOffKnowledge;
  /** The server's slots at the last look while it was in recovery; absent when this process did not look then. */
  readonly slotsBefore: readonly LocalSlot[] | undefined;
  /** What this process saw of the end of recovery; absent when it did not run then. */
  readonly ended: EndedRecovery | undefined;
  /** What this process did for the promotion before, which is not on record. */
  readonly acted?: Promotion | undefined;
  /** Other primaries that were seen at work since the server was promoted. */
  readonly outlived?: Outlived | undefined;
  /** Shows before each step that no other process hands the slots over. */
  readonly lease: Pick<HandOffLease, 'assertHeld'>;
  /** A walsender session with the server that is open already: there may be no other one left. */
  readonly walsender?: PostgresConnection | undefined;
  readonly onDivergence: DivergencePolicy;
  readonly wanted: (slot: SlotState) => boolean;
  /** Brings `knowledge` up to the present end of the topics. Rejects when Kafka does not answer. */
  readonly drain: () => Promise<void>;
  /** Called when the slots are handed over as far as is known without Kafka. */
  readonly onRound?: (() => void) | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** What became of the slots, to be recorded, and where they stand now. */
export interface HandOffOutcome {
  readonly promotion: Promotion;
  readonly local: readonly LocalSlot[];
  /** The ownership of slots that got lost, and may still be made from a leading slot; and of those that count as safe from now on. */
  readonly kept: ReadonlyMap<SlotName, Ownership>;
}

/**
 * The hand-off of a promoted server's slots, whoever promoted it: raises the WAL fence, moves the slots to where their subscribers had
 * confirmed, quarantines those that nothing can make safe, drains the topic, and does the same once more with what came. Can be
 * repeated at any point, and ends with an error before its next step when another process has taken over. `undefined` when the server is in recovery, or was never promoted.
 */
export function handOff(options: HandOffOptions): Promise<HandOffOutcome | undefined> {
  return onServer(options, (run) => run.run());
}

/** What the hand-off that follows has to know; `isDone`: nothing is left that a further attempt may do. */
export interface MadeSafe {
  readonly promotion: Promotion;
  readonly isDone: boolean;
}

/**
 * The part of a hand-off that must not wait, by what is known: raises the WAL fence, and quarantines or drops the slots that their subscribers must not use. Needs no
 * Kafka, can be repeated at any point, and by several at once. `undefined` as the hand-off.
 */
export function makeSafe(options: Omit<HandOffOptions, 'drain'>): Promise<MadeSafe | undefined> {
  return onServer({ ...options, drain: () => Promise.resolve() }, (run) => run.makeSafe());
}

async function onServer<T>(
  options: HandOffOptions,
  work: (run: HandOffRun) => Promise<T | undefined>,
): Promise<T | undefined> {
  const { postgres, logger, signal } = options;
  const connection = await connectPostgres({ ...postgres, signal });
  const sessions = new DatabaseSessions(postgres, () => undefined, signal);
  const { clock, lease, walsender } = options;
  const mover = new SlotMover({ sessions, lease, clock, logger, walsender, signal });
  try {
    const point = await readSwitch(connection, options);
    if (point === undefined) {
      return undefined;
    }
    const drop = (leaders: readonly LocalSlot[]): Promise<number> =>
      dropLeaders(leaders, { sessions, mayDrop: () => lease.assertHeld(), logger, signal });
    return await work(new HandOffRun({ ...options, ...point, connection, mover, drop }));
  } finally {
    await mover.finish().catch(() => undefined);
    await Promise.allSettled([connection.close(), sessions.close()]);
  }
}

interface HandOffRunOptions extends HandOffOptions, SwitchPoint {
  readonly connection: PostgresConnection;
  readonly mover: SlotMover;
  /** Drops leading slots, and tells how many are left. */
  readonly drop: (leaders: readonly LocalSlot[]) => Promise<number>;
}

class HandOffRun {
  readonly #options: HandOffRunOptions;
  readonly #passes: FencePass[];
  /** What was on record of this promotion when this hand-off began. */
  readonly #recorded: Promotion | undefined;
  /** What was done for this promotion before. */
  #earlier: Promotion | undefined;
  /** What the last round went by, and was to do. */
  #last: { readonly input: HandOffInput; readonly plan: HandOffPlan } | undefined;
  readonly #unheard: UnheardWal;
  readonly #report: PromotionReport;
  /** What the last round could not rename or drop. */
  #failed: FailedSlots = new Map();

  constructor(options: HandOffRunOptions) {
    this.#options = options;
    this.#unheard = new UnheardWal(options);
    this.#report = new PromotionReport(options.acted, options.logger);
    const start = startOf(options.history);
    const { earlier } = options.knowledge;
    this.#recorded = sameStart(earlier, start) ? earlier : undefined;
    this.#earlier = this.#recorded ?? (sameStart(options.acted, start) ? options.acted : undefined);
    const fenced = this.#earlier?.fencedLsn;
    this.#passes = [
      ...options.passes,
      ...(fenced === undefined ? [] : [{ reachedLsn: fenced, clean: true }]),
    ];
  }

  async run(): Promise<HandOffOutcome | undefined> {
    // First with what is known: Kafka may be away, and the slots are wanted now.
    if ((await this.#round()) === undefined) {
      return undefined;
    }
    this.#options.onRound?.();
    await this.#options.drain();
    await this.#widenFence();
    const handedOver = await this.#untilDone({ isWide: true });
    const after = await observePrimary(this.#options.connection, this.#options.signal);
    if (handedOver === undefined || after.inRecovery) {
      return undefined;
    }
    const lost = [
      ...handedOver.lost.map((entry) => this.#withFailure(entry)),
      ...notTwoPhase(this.#last?.plan, after.slots),
    ];
    const promotion = this.#asItStands({ ...handedOver, lost }, after);
    // After a crash WAL that was not flushed is gone, and a commit could come to lie before the fence.
    await flushWal(this.#options.connection, this.#options.signal);
    // Before the record: the publisher must not say of a slot that it lacks a property which it is about to get.
    await this.#options.mover.finish();
    this.#options.logger.info(
      { timeline: promotion.timeline, switchLsn: formatLsn(promotion.switchLsn) },
      'handed the slots over',
    );
    this.#report.tell(promotion);
    const recorded = await this.#withPrepared(promotion);
    const kept = await ownershipAfter(this.#options, this.#last?.input, after);
    return { promotion: recorded, kept, local: after.slots.map((slot) => ({ ...slot, temporary: false })) };
  }

  /** What has to be done at once, by what is known. */
  async makeSafe(): Promise<MadeSafe | undefined> {
    if ((await this.#round({ part: safetyPart })) === undefined) {
      return undefined;
    }
    await this.#widenFence();
    const promotion = await this.#untilDone({ part: safetyPart, isWide: true });
    if (promotion === undefined) {
      return undefined;
    }
    this.#report.tell(promotion);
    // One that is in use has led its subscriber wherever it leads; that is told.
    const isDone = ![...this.#failed.values()].some(({ again, isInUse }) => again && !isInUse);
    const lost = settledLosses(promotion, this.#last, this.#failed);
    return { promotion: { ...promotion, lost }, isDone };
  }

  /** A slot that has to be renamed or dropped, and could not be, would be used: what may work a moment later is tried again. */
  async #untilDone(round: Round): Promise<Promotion | undefined> {
    for (let left = HAND_OFF_RETRIES; ; left -= 1) {
      const promotion = await this.#round(round);
      const again = [...this.#failed.values()].some((failure) => failure.again);
      if (!again || left === 0 || promotion === undefined) {
        return promotion;
      }
      // It may take a while, and who can be told is not to wait for that.
      this.#report.tell(promotion);
      await this.#options.clock.sleep(HAND_OFF_RETRY_PAUSE_MS, this.#options.signal);
    }
  }

  #withFailure(entry: SlotLost): SlotLost {
    const isMissing = this.#last?.plan.restores.some(({ slot }) => slot === entry.slot) === true;
    const isNotDropped = this.#failed.has(entry.slot) && !isMissing;
    return isNotDropped ? { ...entry, reasons: [reason('not_dropped')] } : entry;
  }

  async #withPrepared(promotion: Promotion): Promise<Promotion> {
    const { knowledge } = this.#options;
    const known = { ...this.#options, before: knowledge.prepared };
    return this.#last === undefined ? promotion : withOrphanPrepared(promotion, this.#last.input, known);
  }

  /** What was quarantined is told as it is found afterwards: somebody may have been faster than the placeholder, and a copy may be missing. */
  #asItStands(promotion: Promotion, after: ObservedPrimary): Promotion {
    const { standing, faults } = judgeQuarantines(promotion, { slots: after.slots, before: this.#recorded });
    for (const slot of faults) {
      this.#options.logger.error(
        { slot },
        'the name of a quarantined slot is not kept taken: whoever uses a slot of that name now misses changes',
      );
    }
    return standing;
  }

  async #round({ part, isWide = false }: Round = {}): Promise<Promotion | undefined> {
    const { connection, knowledge, mover, history, switchLsn, signal } = this.#options;
    const line = this.#line();
    await this.#raiseFence(line);
    const seen = await observePrimary(connection, signal);
    if (seen.inRecovery) {
      return undefined;
    }
    const input: HandOffInput = {
      published: line.published,
      furthest: line.furthest,
      elsewhere: line.elsewhere,
      orphaned: line.orphaned,
      newestHistory: line.newestHistory,
      contested: line.contested,
      history,
      earlierFences: earlierFences(history, knowledge.promotions),
      local: seen.slots.map((slot) => ({ ...slot, temporary: false })),
      leaders: await readLeadingSlots(connection, signal),
      unreadable: seen.unreadable,
      before: this.#options.slotsBefore,
      ownership: knowledge.ownership,
      lineage: line.lineage,
      wanted: this.#options.wanted,
      switchLsn,
      passes: this.#passes,
      unheard: isWide ? this.#unheard.look(line) : undefined,
      isOpenEnded: isWide && this.#isOpenEnded(line),
      onDivergence: this.#options.onDivergence,
      reasons: knowledge.reasons,
      earlier: this.#earlier,
    };
    const whole = this.#checked(input);
    const plan = part === undefined ? whole : part(whole, input.local);
    this.#last = { input, plan };
    const failed = await mover.run(plan, switchLsn);
    this.#report.tellReaders(plan.readersAhead);
    this.#failed = failed;
    const unheard = isWide ? this.#unheard.record(plan, this.#earlier) : this.#earlier?.unheard;
    this.#earlier = { ...this.#promotionOf(plan, failed), unheard };
    return this.#earlier;
  }

  /** What is to be done, without what would break a rule: it is checked by other code than planned it, as it cannot be taken back. */
  #checked(input: HandOffInput): HandOffPlan {
    const plan = planHandOff(input);
    const violations = assertHandOff(plan, input);
    for (const violation of violations) {
      this.#options.logger.error(
        violation,
        'a step of the hand-off was about to break a rule by which no data is lost, and is not taken: report it, it is a fault of slotcast',
      );
    }
    return withoutWrongSteps(plan, violations);
  }

  async #raiseFence(line: PublishedLine): Promise<void> {
    const { onDivergence, switchLsn } = this.#options;
    if (onDivergence === 'fence') {
      const targets = fenceTargets({ ...line, switchLsn });
      this.#passes.push(...(await tryFence({ ...this.#options, targets })));
    }
  }

  #isOpenEnded(line: PublishedLine): boolean {
    const { knowledge, outlived } = this.#options;
    const known = { others: knowledge.others, outlived, recorded: this.#recorded };
    const openEnd = findOpenEnd({ ...this.#options, ...known, shutdownLsn: this.#unheard.shutdown(line) });
    if (openEnd !== undefined) {
      this.#report.tellOpenEnd(openEnd);
    }
    return openEnd !== undefined;
  }

  async #widenFence(): Promise<void> {
    this.#passes.push(...(await this.#unheard.widenFence(this.#line())));
  }

  /** What is published of the timelines that this server left. */
  #line(): PublishedLine & { readonly contested: ContestedTimelines } {
    const { knowledge, before, history } = this.#options;
    const line = besideOwn(knowledge.publishedOn(before), { node: knowledge.node, history });
    const contested = findContested(history, knowledge.others, line.manifest);
    return { ...apartFrom(line, contested), contested };
  }

  #promotionOf(plan: HandOffPlan, failed: FailedSlots): Promotion {
    const { history, switchLsn, clock } = this.#options;
    return {
      timeline: history.timeline,
      switchLsn,
      fencedLsn: fencedLsn(this.#passes),
      // What is unknown was not to be put away: a step that failed was to make the slot again.
      ahead: plan.ahead.map((entry) =>
        failed.has(entry.slot) && entry.outcome !== 'unknown' ? { ...entry, outcome: 'unsafe' } : entry,
      ),
      lost: [...plan.lost, ...notRestored(plan, failed)],
      time: clock.now(),
    };
  }
}

/** What one round is to do. */
interface Round {
  /** All by default. */
  readonly part?: typeof safetyPart;
  /** The fence is as wide as it becomes, so that what it does not cover is to be told. */
  readonly isWide?: boolean;
}
