import { setTimeout as sleep } from 'node:timers/promises';
import type { BenchCluster } from './bench-cluster.ts';
import type { Distribution } from './distribution.ts';
import { PositionWatch } from './position-watch.ts';
import type { ServiceLoad } from './service-load.ts';

/** Slots that move in the same turn confirm the same WAL, as several consumers of one server do. */
const TURN_MS = 20;
const JITTER_SHARE = 0.2;
const ARRIVAL_TIMEOUT_MS = 90_000;

export interface WatchedLag {
  /** Milliseconds. */
  readonly lagMs: Distribution;
  /** Milliseconds between two looks. */
  readonly resolutionMs: Distribution;
}

export interface LagResult {
  readonly slots: number;
  readonly movesPerSecond: number;
  readonly slotcast: WatchedLag;
  readonly native: WatchedLag;
  readonly ratioP50: number;
  readonly publisher: ServiceLoad;
  readonly consumer: ServiceLoad;
}

/** Measures the time from a slot's move on the primary until each standby has it, while `slots` take turns in moving. */
export async function measureLag(
  cluster: BenchCluster,
  options: { readonly slots: readonly string[]; readonly movesPerSecond: number; readonly seconds: number },
): Promise<LagResult> {
  const { slots } = options;
  await cluster.createSlots(slots);
  await cluster.untilFollowed(slots, { native: true });
  await cluster.settle();
  const watches = await openWatches(cluster, slots);
  try {
    const moving = moveInTurns(cluster, watches, options);
    const [movesPerSecond, loads] = await Promise.all([moving, cluster.measureLoads(moving)]);
    const [slotcast, native] = await Promise.all([
      outcome(watches.slotcast, 'slotcast'),
      outcome(watches.native, 'native'),
    ]);
    const ratioP50 = slotcast.lagMs.p50 / native.lagMs.p50;
    return { slots: slots.length, movesPerSecond, slotcast, native, ratioP50, ...loads };
  } finally {
    await watches.slotcast.close();
    await watches.native.close();
  }
}

export interface Watches {
  readonly slotcast: PositionWatch;
  readonly native: PositionWatch;
}

export async function openWatches(cluster: BenchCluster, slots: readonly string[]): Promise<Watches> {
  const slotcast = await PositionWatch.open(cluster.standby, slots);
  try {
    return { slotcast, native: await PositionWatch.open(cluster.native, slots) };
  } catch (error) {
    await slotcast.close();
    throw error;
  }
}

export async function outcome(watch: PositionWatch, who: string): Promise<WatchedLag> {
  try {
    await watch.allArrived(ARRIVAL_TIMEOUT_MS);
  } catch (cause) {
    throw new Error(`${who}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
  return { lagMs: watch.lags, resolutionMs: watch.resolution };
}

/** Moves the slots at the given rate; returns the rate that was really reached. */
async function moveInTurns(
  cluster: BenchCluster,
  watches: Watches,
  options: { readonly slots: readonly string[]; readonly movesPerSecond: number; readonly seconds: number },
): Promise<number> {
  const { slots, movesPerSecond, seconds } = options;
  const perTurn = Math.max(1, Math.round((movesPerSecond * TURN_MS) / 1000));
  const gapMs = (perTurn * 1000) / movesPerSecond;
  const turns = Math.round((seconds * 1000) / gapMs);
  const startedAt = performance.now();
  for (let turn = 0; turn < turns; turn += 1) {
    await sleep(Math.max(0, startedAt + gapMs * turn + jitter(turn, gapMs) - performance.now()));
    await cluster.mover.writeWal();
    for (let index = 0; index < perTurn; index += 1) {
      const slot = slots[(turn * perTurn + index) % slots.length];
      if (slot !== undefined) {
        const move = await cluster.mover.move(slot);
        watches.slotcast.expect(move);
        watches.native.expect(move);
      }
    }
  }
  return (1000 * turns * perTurn) / (performance.now() - startedAt);
}

/** Shifts each turn by a little, evenly spread, so that the moves are never in step with somebody's poll interval. */
function jitter(turn: number, gapMs: number): number {
  const goldenRatio = 0.618033988749895;
  return ((turn * goldenRatio) % 1) * gapMs * JITTER_SHARE;
}
