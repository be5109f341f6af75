import { setTimeout as sleep } from 'node:timers/promises';
import { type Background, inBackground } from '../cluster/background.ts';
import type { BenchCluster } from '../cluster/bench-cluster.ts';
import { DecodingSubscribers } from '../cluster/decoding-subscribers.ts';
import { type ReachedLoad, type RowSize, WriteLoad } from '../cluster/write-load.ts';
import type { Distribution } from '../measure/distribution.ts';
import { PositionWatch } from '../measure/position-watch.ts';
import { largestGaps, type RestartGaps, RestartWatch } from '../measure/restart-watch.ts';
import type { Loads } from '../measure/service-load.ts';
import { movesPerSecond } from './cells.ts';

/** Slots that move in the same turn confirm the same WAL, as several subscribers of one server do. */
const TURN_MS = 20;
const JITTER_SHARE = 0.2;
const ARRIVAL_TIMEOUT_MS = 45_000;
const WARM_UP_SECONDS = 4;

export interface WatchedLag {
  /** Milliseconds. */
  readonly lagMs: Distribution;
  /** Milliseconds between two looks. */
  readonly resolutionMs: Distribution;
  /** Moves that had not arrived long after the window; they count with their age. */
  readonly neverArrived: number;
}

export interface LagResult {
  readonly slots: number;
  readonly movesPerSecond: number;
  readonly load: ReachedLoad;
  readonly slotcast: WatchedLag;
  readonly native: WatchedLag;
  readonly ratioP50: number;
  readonly ratioP99: number;
  readonly restart: RestartGaps;
  readonly loads: Loads;
}

export interface LagOptions {
  readonly slots: readonly string[];
  readonly movesPerSecond: number;
  readonly mbPerSecond: number;
  readonly seconds: number;
}

/** Runs `work` while the write load is written and the subscribers' decoding follows it, and ends both. */
export async function underLoad<T>(
  cluster: BenchCluster,
  mbPerSecond: number,
  work: (load: WriteLoad) => Promise<T>,
  rows?: RowSize,
): Promise<T> {
  const load = await WriteLoad.start(cluster.primary, mbPerSecond, rows);
  try {
    const decoding = await DecodingSubscribers.start(cluster.primary);
    try {
      return await work(load);
    } finally {
      await decoding.stop();
    }
  } finally {
    await load.stop();
  }
}

/** Measures the time from a slot's move on the primary until each standby has it, while `slots` take turns in moving. */
export function measureLag(cluster: BenchCluster, options: LagOptions): Promise<LagResult> {
  return underLoad(cluster, options.mbPerSecond, async (load) => {
    const watches = await openWatches(cluster);
    const restartWatch = await RestartWatch.start(cluster.servers);
    try {
      await moveInTurns(cluster, [], { ...options, seconds: WARM_UP_SECONDS });
      const startedAt = performance.now();
      const reached = await load.measure();
      const moving = moveInTurns(cluster, [watches.slotcast, watches.native], options);
      const [movesPerSecond, loads] = await Promise.all([moving, cluster.measureLoads(moving)]);
      const written = await reached();
      const samples = restartWatch.samples.filter(({ at }) => at >= startedAt);
      const [slotcast, native] = await Promise.all([outcome(watches.slotcast), outcome(watches.native)]);
      return {
        slots: options.slots.length,
        movesPerSecond,
        load: written,
        slotcast,
        native,
        ratioP50: slotcast.lagMs.p50 / native.lagMs.p50,
        ratioP99: slotcast.lagMs.p99 / native.lagMs.p99,
        restart: largestGaps(samples),
        loads,
      };
    } finally {
      await restartWatch.stop();
      await watches.slotcast.close();
      await watches.native.close();
    }
  });
}

export interface Watches {
  readonly slotcast: PositionWatch;
  readonly native: PositionWatch;
}

export async function openWatches(cluster: BenchCluster): Promise<Watches> {
  const slotcast = await PositionWatch.open(cluster.standby);
  try {
    return { slotcast, native: await PositionWatch.open(cluster.native) };
  } catch (error) {
    await slotcast.close();
    throw error;
  }
}

export async function outcome(watch: PositionWatch): Promise<WatchedLag> {
  const neverArrived = await watch.allArrived(ARRIVAL_TIMEOUT_MS);
  return { lagMs: watch.lags, resolutionMs: watch.resolution, neverArrived };
}

/** Moves the slots at the usual rate until it is stopped. */
export function keepMoving(cluster: BenchCluster, slots: readonly string[]): Background {
  const options = { slots, movesPerSecond: movesPerSecond(slots.length), seconds: 1 };
  return inBackground(async (signal) => {
    while (!signal.aborted) {
      await moveInTurns(cluster, [], options);
    }
  });
}

/** Moves the slots at the given rate; returns the rate that was really reached. */
export async function moveInTurns(
  cluster: BenchCluster,
  watches: readonly PositionWatch[],
  options: Pick<LagOptions, 'slots' | 'movesPerSecond' | 'seconds'>,
): Promise<number> {
  const { slots, movesPerSecond, seconds } = options;
  const perTurn = Math.max(1, Math.round((movesPerSecond * TURN_MS) / 1000));
  const gapMs = (perTurn * 1000) / movesPerSecond;
  const turns = Math.round((seconds * 1000) / gapMs);
  const startedAt = performance.now();
  let moved = 0;
  for (let turn = 0; turn < turns; turn += 1) {
    await sleep(Math.max(0, startedAt + gapMs * turn + jitter(turn, gapMs) - performance.now()));
    const moves = await cluster.subscribers.move(slotsOfTurn(slots, turn, perTurn));
    moved += moves.length;
    for (const watch of watches) {
      moves.forEach((move) => watch.expect(move));
    }
  }
  return (1000 * moved) / (performance.now() - startedAt);
}

function slotsOfTurn(slots: readonly string[], turn: number, perTurn: number): readonly string[] {
  const first = turn * perTurn;
  return Array.from(
    { length: Math.min(perTurn, slots.length) },
    (_, index) => slots[(first + index) % slots.length] ?? '',
  );
}

/** Shifts each turn by a little, evenly spread, so that the moves are never in step with somebody's poll interval. */
function jitter(turn: number, gapMs: number): number {
  const goldenRatio = 0.618033988749895;
  return ((turn * goldenRatio) % 1) * gapMs * JITTER_SHARE;
}
