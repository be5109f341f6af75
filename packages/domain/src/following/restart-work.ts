import { type DecodingCost, decodingMs } from '../pacing/decoding-cost.ts';
import type { Lsn } from '../vocabulary/lsn.ts';
import { type SlotDatabase, sameDatabase } from '../vocabulary/slot-database.ts';
import type { SlotName } from '../vocabulary/slot-name.ts';
import type { RestartGap } from './restart-gap.ts';

/** What is to be done next about slots whose restart_lsn is behind. */
export type RestartWork =
  | { readonly kind: 'rest' }
  /** Move the slot's restart_lsn by decoding up to where it stands. */
  | { readonly kind: 'advance'; readonly gap: RestartGap; readonly why: AdvanceReason }
  /** Lead a copy of one slot, and make others anew from it. */
  | { readonly kind: 'wave'; readonly wave: RestartWave }
  /** Give up the leading slot that the last wave left: the next one needs its place. */
  | { readonly kind: 'make_room' };

/** `affordable`: decoding is within its share of the time. `alone`: too few slots stand together. `no_room`: no slot is free for a leading one. */
export type AdvanceReason = 'affordable' | 'alone' | 'no_room';

/** What a slot is made anew from, directly or by a copy. */
export type WaveSource = Pick<RestartGap, 'slot' | 'database' | 'plugin' | 'restartLsn' | 'position'>;

/** Slots of one database that are to be made anew from one that leads. */
export interface RestartWave {
  readonly database: SlotDatabase;
  /** The leading slot begins as its copy, unless it is the leading slot of the last wave itself. */
  readonly source: WaveSource;
  /** False when the source needs so little WAL that it serves as it is, and nothing has to be decoded. */
  readonly led: boolean;
  /** The leading slot is a new one, and no copy of the source: it needs no WAL from before it, and nothing has to be decoded, but slots have to come to where it begins. */
  readonly isNew?: true | undefined;
  /** The slot that is furthest behind, where it is not among those of the wave. */
  readonly leavesOut?: SlotName | undefined;
  /** In the order of their positions: the leading slot is led from one stage to the next, and never beyond a slot that is made from it. */
  readonly stages: readonly WaveStage[];
}

export interface WaveStage {
  readonly target: Lsn;
  readonly slots: readonly RestartGap[];
}

/** What the choice depends on. */
export interface RestartInput {
  readonly gaps: readonly RestartGap[];
  /** The gap from which on something is done. */
  readonly largestBytes: bigint;
  /** The gap from which on nothing is waited for. */
  readonly urgentBytes: bigint;
  readonly cost: DecodingCost;
  /** Share of a core that decoding may take. */
  readonly duty: number;
  /** WAL that the primary writes, in bytes a second. */
  readonly walPerSecond: number;
  /** Replication slots that the server can still take. */
  readonly freeSlots: number;
  /** Slots that failed or gained nothing a moment ago. */
  readonly resting: ReadonlySet<SlotName>;
  /** Slots that have had a gap, however small, for long. */
  readonly overdue: ReadonlySet<SlotName>;
  /** The leading slot that the last wave left. */
  readonly leader?: WaveSource | undefined;
  readonly newLeader: NewLeaderFacts;
  /** The last work that was done although advances were not affordable. */
  readonly last?: LastWork | undefined;
}

/** What is known of leading slots that are no copies of others. */
export interface NewLeaderFacts {
  /** The last attempt did not wait in vain a moment ago. */
  readonly mayStart: boolean;
  /** From so many milliseconds of decoding on one is made instead. */
  readonly fromMs: number;
  /** Slots that have not come to where a new one begins, with how long ago in milliseconds they were left behind first. */
  readonly leftBehind: ReadonlyMap<SlotName, number>;
}

export interface LastWork {
  /** What it took of a core, in milliseconds. */
  readonly costMs: number;
  /** How long ago it ended, in milliseconds. */
  readonly agoMs: number;
  /** The slot that a wave left out. */
  readonly leftOut?: SlotName | undefined;
}

/** From so many milliseconds of decoding on a new leading slot is made instead: it takes no more of a core than that, whatever the WAL is. */
export const NEW_LEADER_MS = 20;
/** So much more for a slot that could be advanced alone instead, and would keep its name. */
const ALONE_TIMES = 15;
/** A slot may take so long to come to where a new leading slot begins. After that its subscriber stands still, or is far behind, and what the slot lacks is decoded. */
const PATIENCE_MS = 10_000;
/** Slots that stand no further apart are made anew from one stage of the leading slot. */
const STAGE_BYTES = 32n * 1024n * 1024n;
/** Slots that stand further apart than this are no wave: the leading slot would have to decode what lies between. */
const NEIGHBOUR_BYTES = 64n * 1024n * 1024n;
/** What it costs to drop a slot and make it again, in milliseconds of a core. */
export const REMAKE_COST_MS = 1.5;
/** A gap of so many times the largest one shows that advances do not keep up, whatever they are thought to cost: on a busy server they wait. */
const LATE_TIMES = 2n;
/**
 * Slots are made anew from a gap of so many halves of the largest one on: each time its name is missing for some milliseconds. The primary's slots move from one
 * running-xacts record to another, and as the publisher has one logged per 64 MiB, by little more than the largest gap.
 */
const WAVE_HALVES = 3n;
/** What a slot that leads as it is may leave of a large gap. */
const CLOSED_PART = 4n;
/** A wave must be cheaper than the advances by this factor: each slot's name is missing for some milliseconds over it. */
const WAVE_GAIN = 2;
/**
 * Share of a core that waves take while nothing is urgent, and the longest pause for its sake. Each decodes much of what the last one decoded, whether it is for one
 * slot or for all, so they are few, and for many.
 */
const WAVE_SHARE = 0.02;
const LONGEST_PAUSE_MS = 10_000;
/** Between two waves, however urgent the next one is: each is rounds of the consumer, and two commits. */
const LEAST_PAUSE_MS = 1000;
/** Slots that need least WAL, of which one becomes the source of a wave. */
const CANDIDATES = 16;
/** So that a slot that was dropped finds its place again. */
const FREE_TO_REMAKE = 1;
/** One more for the leading slot, where it is not there yet. */
const FREE_FOR_WAVE = FREE_TO_REMAKE + 1;

/**
 * Chooses the next piece of work: advances while decoding slot by slot is affordable, else a wave where one is possible. With nothing due, a slot that has had a
 * small gap for long: else that of a quiet cluster would hold back vacuum for days, and would be saved as seldom.
 */
export function chooseRestartWork(input: RestartInput): RestartWork {
  const due = input.gaps
    .filter(({ slot, bytes }) => bytes > input.largestBytes && !input.resting.has(slot))
    .toSorted((a, b) => (a.bytes < b.bytes ? 1 : -1));
  const [furthest] = due;
  if (furthest === undefined) {
    const gap = input.gaps.find(({ slot }) => input.overdue.has(slot) && !input.resting.has(slot));
    return gap === undefined || !isAffordable(input, gap)
      ? { kind: 'rest' }
      : { kind: 'advance', gap, why: 'affordable' };
  }
  if (isAffordable(input, furthest)) {
    return { kind: 'advance', gap: furthest, why: 'affordable' };
  }
  if (!isFarBehind(input, furthest) || pausesFor(input, furthest.bytes > input.urgentBytes) > 0) {
    return { kind: 'rest' };
  }
  const served = servedByLeader(input, due);
  const next = due.find(({ slot }) => !mayReachLeader(input, slot));
  if (served === undefined && next === undefined) {
    return { kind: 'rest' };
  }
  const wave = served ?? (next && findWave(input, next));
  if (wave === undefined) {
    return { kind: 'advance', gap: next ?? furthest, why: 'alone' };
  }
  if (input.freeSlots >= (served === undefined ? FREE_FOR_WAVE : FREE_TO_REMAKE)) {
    return { kind: 'wave', wave };
  }
  const isLeaderInTheWay =
    served === undefined && input.leader !== undefined && input.freeSlots + 1 >= FREE_FOR_WAVE;
  return isLeaderInTheWay ? { kind: 'make_room' } : { kind: 'advance', gap: furthest, why: 'no_room' };
}

/** Whether slots may still be made from the leading slot of the last wave. If not it only holds back WAL, as the primary's slots never need more than they do now. */
export function isLeaderOfUse(
  { gaps, largestBytes }: Pick<RestartInput, 'gaps' | 'largestBytes'>,
  leader: WaveSource,
): boolean {
  return gaps.some(
    (gap) => sameDatabase(gap.database, leader.database) && serves({ largestBytes }, leader, gap),
  );
}

/** True as long as advances keep up, and will at the rate at which WAL is written. */
function isAffordable(input: RestartInput, worst: RestartGap): boolean {
  const { gaps, cost, duty, walPerSecond, largestBytes } = input;
  const following = gaps.filter(({ bytes }) => bytes > 0n).length;
  const load = (following * decodingMs(cost, walPerSecond)) / 1000;
  return load <= duty && worst.bytes <= largestBytes * LATE_TIMES;
}

/** Whether it is to be made anew by itself; otherwise only along with others. */
function isFarBehind({ largestBytes }: RestartInput, { bytes }: RestartGap): boolean {
  return bytes > (largestBytes * WAVE_HALVES) / 2n;
}

/** Milliseconds until the last work was little enough of the time since. */
function pausesFor({ last }: RestartInput, isUrgent: boolean): number {
  if (last === undefined) {
    return 0;
  }
  const share = isUrgent ? 0 : Math.min(last.costMs / WAVE_SHARE, LONGEST_PAUSE_MS);
  return Math.max(share, LEAST_PAUSE_MS) - last.agoMs;
}

/** It was left behind by a new leading slot, and may be made anew from that one soon. */
function mayReachLeader({ newLeader }: RestartInput, slot: SlotName): boolean {
  return (newLeader.leftBehind.get(slot) ?? PATIENCE_MS) < PATIENCE_MS;
}

/** What it takes to move a slot's restart_lsn by decoding. */
function advanceMs(cost: DecodingCost, { restartLsn, position }: RestartGap): number {
  return decodingMs(cost, Number(position - restartLsn));
}

/**
 * The wave that decodes nothing, as the leading slot of the last one serves still. The slot that is furthest behind may be left out once: where its subscriber
 * moves it has overtaken the leading slot a moment later.
 */
function servedByLeader(input: RestartInput, due: readonly RestartGap[]): RestartWave | undefined {
  const { leader, last } = input;
  if (leader === undefined) {
    return undefined;
  }
  const isServed = (gap: RestartGap): boolean =>
    gap.remakeable &&
    sameDatabase(gap.database, leader.database) &&
    gap.position >= leader.position &&
    serves(input, leader, gap);
  const furthest = due.find((gap) => isServed(gap) || !mayReachLeader(input, gap.slot));
  if (furthest === undefined || !due.some(isServed)) {
    return undefined;
  }
  const leavesOut = isServed(furthest) ? undefined : furthest.slot;
  if (leavesOut !== undefined && leavesOut === last?.leftOut) {
    return undefined;
  }
  const wave = unled(input, leader, input.gaps.filter(isServed));
  return wave && { ...wave, leavesOut };
}

/**
 * The wave that costs least for each of its slots, of those that the slot furthest behind is in: whoever is behind most is served first, so that nobody is left out for ever. One
 * that decodes nothing comes before all others: where the primary's slots move one after the other, each would decode what the last one has decoded.
 */
function findWave(input: RestartInput, furthest: RestartGap): RestartWave | undefined {
  const { database, remakeable } = furthest;
  if (!remakeable) {
    return undefined;
  }
  const gaps = input.gaps
    .filter((gap) => gap.remakeable && sameDatabase(gap.database, database))
    .toSorted(byPosition);
  const ready = gaps.find(
    (source) => source.position <= furthest.position && serves(input, source, furthest),
  );
  const wave = ready && unled(input, ready, gaps);
  if (wave !== undefined) {
    return wave;
  }
  const cluster = clusters(gaps).find((each) => each.includes(furthest)) ?? [];
  const [best] = sources(cluster, furthest)
    .map((source) => draft(input, cluster, { source, led: true }))
    .filter(isWorthIt)
    .toSorted((a, b) => a.waveMs / a.slots.length - b.waveMs / b.slots.length);
  const { mayStart, fromMs, leftBehind } = input.newLeader;
  const decodeMs = best?.ledMs ?? advanceMs(input.cost, furthest) / ALONE_TIMES;
  if (mayStart && decodeMs > fromMs && !leftBehind.has(furthest.slot)) {
    return newlyLed(input, gaps, furthest);
  }
  return best && { database, source: best.source, led: true, stages: stagesOf(best.slots) };
}

/** All slots that are due, wherever they stand: those that stand before the new leading slot when it is there follow from the one that stays. */
function newlyLed(input: RestartInput, gaps: readonly RestartGap[], furthest: RestartGap): RestartWave {
  const { database } = furthest;
  const slots = gaps.filter((gap) => gap.bytes > input.largestBytes / 2n && !input.resting.has(gap.slot));
  return {
    database,
    source: furthest,
    led: false,
    isNew: true,
    stages: [{ target: furthest.position, slots }],
  };
}

/** `undefined` when it is not worth it. */
function unled(
  input: RestartInput,
  source: WaveSource,
  gaps: readonly RestartGap[],
): RestartWave | undefined {
  const wave = draft(input, gaps, { source, led: false });
  const stage = { target: source.position, slots: wave.slots };
  return isWorthIt(wave) ? { database: source.database, source, led: false, stages: [stage] } : undefined;
}

/** Whether a copy of the source closes the gap as it is, or most of a large one. */
function serves(
  { largestBytes }: Pick<RestartInput, 'largestBytes'>,
  source: WaveSource,
  { wanted, bytes }: RestartGap,
): boolean {
  const left = wanted - source.restartLsn;
  return left <= largestBytes / 2n || left <= bytes / CLOSED_PART;
}

function isWorthIt({ waveMs, advancesMs }: ReturnType<typeof draft>): boolean {
  return waveMs * WAVE_GAIN <= advancesMs;
}

/** The first of a cluster, from which all can be made anew, and those that need least WAL: what stands before one of these is left for another wave. */
function sources(cluster: readonly RestartGap[], furthest: RestartGap): readonly RestartGap[] {
  const byNeed = cluster
    .filter(({ position }) => position <= furthest.position)
    .toSorted((a, b) => (a.restartLsn === b.restartLsn ? 0 : a.restartLsn < b.restartLsn ? 1 : -1));
  return [...new Set([...cluster.slice(0, 1), ...byNeed.slice(0, CANDIDATES)])];
}

/** A wave with its cost, and that of the advances that it makes needless. */
function draft(
  input: RestartInput,
  cluster: readonly RestartGap[],
  { source, led }: Pick<RestartWave, 'source' | 'led'>,
) {
  const { cost, largestBytes, resting } = input;
  // Those that are nearly due share what is decoded.
  const isDue = (gap: RestartGap): boolean =>
    led ? gap.bytes > largestBytes / 2n : isFarBehind(input, gap) && serves(input, source, gap);
  const slots = cluster.filter(
    (gap) => isDue(gap) && gap.position >= source.position && !resting.has(gap.slot),
  );
  const end = slots.at(-1)?.position ?? source.position;
  const ledMs = led ? decodingMs(cost, Number(end - source.restartLsn)) : 0;
  const waveMs = ledMs + (1 + slots.length) * REMAKE_COST_MS;
  return { source, slots, ledMs, waveMs, advancesMs: sum(slots.map((gap) => advanceMs(cost, gap))) };
}

/** Slots that stand near each other, of those in the order of their positions. */
function clusters(gaps: readonly RestartGap[]): RestartGap[][] {
  const found: RestartGap[][] = [];
  let last: RestartGap | undefined;
  for (const gap of gaps) {
    const isNear = last !== undefined && gap.position - last.position <= NEIGHBOUR_BYTES;
    const cluster = isNear ? found.at(-1) : undefined;
    if (cluster === undefined) {
      found.push([gap]);
    } else {
      cluster.push(gap);
    }
    last = gap;
  }
  return found;
}

function stagesOf(slots: readonly RestartGap[]): WaveStage[] {
  const stages: { target: Lsn; slots: RestartGap[] }[] = [];
  for (const gap of slots) {
    const stage = stages.at(-1);
    if (stage !== undefined && gap.position - stage.target <= STAGE_BYTES) {
      stage.slots.push(gap);
    } else {
      stages.push({ target: gap.position, slots: [gap] });
    }
  }
  return stages;
}

function byPosition(a: RestartGap, b: RestartGap): number {
  return a.position === b.position ? 0 : a.position < b.position ? -1 : 1;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
