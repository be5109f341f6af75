import type { SlotName } from '../vocabulary/slot-name.ts';
import type { SlotState } from '../vocabulary/slot-state.ts';
import { changedSlot, isNews, type PublishedSlots, type SlotChange } from './slot-diff.ts';

/** Smallest mean distance between two position updates of one logical slot. */
export const MOVE_GAP_MS = 100;
/** The same for what nothing waits for: the positions of physical slots, and what WAL and rows a logical slot holds back. */
export const UPKEEP_GAP_MS = 1000;
/** Share of a second's events that may leave at once after a pause. */
const BURST_SHARE = 0.2;
/** Longest time that a mass of creates and drops, which are never held back, may hold up position updates. */
const MAX_DEBT_MS = 1000;

/**
 * What the throttle remembers between polls: per slot, and for all together, the time up to which its allowance is used up
 * (the theoretical arrival time of the generic cell rate algorithm). A time that has passed means nothing is used up.
 */
export interface ThrottleState {
  readonly moves: Allowances;
  readonly upkeep: Allowances;
  readonly totalUsedUntil: number;
}

type Allowances = ReadonlyMap<SlotName, number>;

/** The state before the first poll. */
export const freshThrottle: ThrottleState = { moves: new Map(), upkeep: new Map(), totalUsedUntil: 0 };

export interface Selection {
  /** The changes to publish now, in the order given. */
  readonly due: readonly SlotChange[];
  /** When to poll again at the latest, on the clock of `now`; absent when nothing was held back. */
  readonly nextDueAt: number | undefined;
  /** Valid once `due` is published. */
  readonly state: ThrottleState;
}

interface Waiting {
  readonly name: SlotName;
  /** The allowance that it takes from. */
  readonly of: 'moves' | 'upkeep';
  readonly gapMs: number;
  readonly deadline: number;
}

/**
 * Chooses which changes are published now. What is held back loses nothing: the next poll finds it again, with the newest
 * state, as long as the caller compares with what was published last.
 *
 * - Creates, drops, remakes and news (invalidation, another failover flag) are always due.
 * - Position updates of one slot: at once after a pause, then one per gap in the mean. Two may follow one another closely, so
 *   that a slot that moves once per gap is not held back by the jitter of polling: in any time T at most 2 + T / gap. What its subscriber
 *   confirmed and what else moved have an allowance each, or the one would hold up the other.
 * - All together at most `maxEventsPerSecond`, and a fifth of it (at least one) at once after a pause: in any T seconds at
 *   most maxEventsPerSecond × (T + 0.2). When that is not enough the slots that waited longest go first, so the gap grows evenly for the busy ones
 *   and a slot that seldom moves still goes at once. What is always due is counted, but never held back.
 *
 * `now` is a monotonic clock in milliseconds.
 */
export function selectDue(input: {
  readonly changes: readonly SlotChange[];
  readonly published: PublishedSlots;
  readonly state: ThrottleState;
  readonly now: number;
  readonly maxEventsPerSecond: number;
  /** Somebody waits for what standbys report through physical slots: these are published as often as logical ones. */
  readonly isReportAwaited?: boolean | undefined;
}): Selection {
  const { changes, published, state, now } = input;
  const usedUntil = { moves: stillUsed(state.moves, now), upkeep: stillUsed(state.upkeep, now) };
  const dueNames = new Set<SlotName>();
  const waiting: Waiting[] = [];
  const total = new TotalAllowance(state.totalUsedUntil, now, input.maxEventsPerSecond);
  for (const change of changes) {
    const held = positionUpdate(change, published, input.isReportAwaited === true);
    if (held === undefined) {
      dueNames.add(changedSlot(change));
      total.take(change.kind === 'remake' ? 2 : 1);
    } else {
      waiting.push(held);
    }
    if (change.kind !== 'update') {
      usedUntil.moves.delete(changedSlot(change));
      usedUntil.upkeep.delete(changedSlot(change));
    }
  }
  let slotReadyAt = Number.POSITIVE_INFINITY;
  for (const { name, of, gapMs } of waiting.toSorted(byDeadline)) {
    // The gap may have been a longer one before.
    const until = Math.min(usedUntil[of].get(name) ?? now, now + 2 * gapMs);
    const readyAt = until - gapMs;
    if (now < readyAt || now < total.readyAt) {
      slotReadyAt = Math.min(slotReadyAt, Math.max(readyAt, now));
      usedUntil[of].set(name, until);
    } else {
      dueNames.add(name);
      total.take(1);
      usedUntil[of].set(name, until + gapMs);
    }
  }
  return {
    due: changes.filter((change) => dueNames.has(changedSlot(change))),
    nextDueAt: slotReadyAt === Number.POSITIVE_INFINITY ? undefined : Math.max(slotReadyAt, total.readyAt),
    state: { ...usedUntil, totalUsedUntil: total.usedUntil },
  };
}

function stillUsed(allowances: Allowances, now: number): Map<SlotName, number> {
  return new Map([...allowances].filter(([, until]) => until > now));
}

/** The allowance of all slots together. */
class TotalAllowance {
  usedUntil: number;
  readonly #intervalMs: number;
  readonly #toleranceMs: number;
  readonly #limit: number;

  constructor(usedUntil: number, now: number, maxEventsPerSecond: number) {
    const burst = Math.max(1, Math.floor(maxEventsPerSecond * BURST_SHARE));
    this.#intervalMs = 1000 / maxEventsPerSecond;
    this.#toleranceMs = (burst - 1) * this.#intervalMs;
    this.#limit = now + this.#toleranceMs + MAX_DEBT_MS;
    this.usedUntil = Math.max(usedUntil, now);
  }

  get readyAt(): number {
    return this.usedUntil - this.#toleranceMs;
  }

  take(events: number): void {
    this.usedUntil = Math.min(
      this.usedUntil + events * this.#intervalMs,
      Math.max(this.usedUntil, this.#limit),
    );
  }
}

function positionUpdate(
  change: SlotChange,
  published: PublishedSlots,
  isReportAwaited: boolean,
): Waiting | undefined {
  const before = change.kind === 'update' ? published.get(change.state.name) : undefined;
  if (change.kind !== 'update' || before === undefined || before.unseen === true) {
    return undefined;
  }
  if (isNews(before.state, change.state)) {
    return undefined;
  }
  const of = isMove(before.state, change.state) ? 'moves' : 'upkeep';
  const gapMs = of === 'moves' || isReportAwaited ? MOVE_GAP_MS : UPKEEP_GAP_MS;
  return { name: change.state.name, of, gapMs, deadline: before.publishedAt + gapMs };
}

/** A subscriber has confirmed something. */
function isMove(before: SlotState, now: SlotState): boolean {
  return now.type === 'logical' && now.confirmedFlushLsn !== before.confirmedFlushLsn;
}

function byDeadline(a: Waiting, b: Waiting): number {
  return a.deadline - b.deadline;
}
