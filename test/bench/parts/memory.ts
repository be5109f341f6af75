import { setTimeout as sleep } from 'node:timers/promises';
import type { BenchCluster } from '../cluster/bench-cluster.ts';
import type { Loads } from '../measure/service-load.ts';
import { underLoad } from './lag.ts';

/** The services write what they know of a slot's position every 10 s at most; after this time the last move has left no work behind. */
const SETTLE_MS = 15_000;
/** Shorter windows show what a service does once in ten seconds, and code that is not compiled yet. */
const MIN_SECONDS = 60;

/** Length of a window at rest, where others take `seconds`. */
export function restSeconds(seconds: number): number {
  return Math.max(seconds, MIN_SECONDS);
}

/** What the services take while nothing moves. */
export interface IdleLoad {
  readonly slots: number;
  readonly readySlots: number;
  /** Seconds from the creation of the slots on the primary until all were ready on the standby. */
  readonly readyAfterSeconds: number;
  /** Seconds from then, with no more moves, until every slot stood where it stands on the primary. */
  readonly equalAfterSeconds: number;
  readonly loads: Loads;
}

/** Measures memory and processor time of both services with one slot and with many, while nothing moves. */
export async function measureMemory(
  cluster: BenchCluster,
  options: {
    readonly slots: number;
    readonly seconds: number;
    readonly mbPerSecond: number;
    readonly say: (text: string) => void;
  },
): Promise<readonly IdleLoad[]> {
  const first = 'bench_memory';
  const others = Array.from({ length: options.slots - 1 }, (_, index) => `bench_memory_${index + 2}`);
  // The server's own slot sync is not measured here, and would take part of the machine.
  await cluster.native.stop();
  options.say('1 slot');
  const alone = await measureIdle(cluster, [first], options, () => cluster.createSlots([first]));
  options.say(`${options.slots} slots`);
  const many = await measureIdle(cluster, [first, ...others], options, () =>
    cluster.copySlots(first, others),
  );
  return [alone, many];
}

async function measureIdle(
  cluster: BenchCluster,
  names: readonly string[],
  { seconds, mbPerSecond }: { readonly seconds: number; readonly mbPerSecond: number },
  create: () => Promise<void>,
): Promise<IdleLoad> {
  const startedAt = performance.now();
  await create();
  await cluster.untilFollowed(names, { native: false });
  const readyAfterSeconds = (performance.now() - startedAt) / 1000;
  const equalAfterSeconds = await cluster.untilEqual({ native: false });
  await sleep(SETTLE_MS);
  const loads = await underLoad(cluster, mbPerSecond, () =>
    cluster.measureLoads(sleep(restSeconds(seconds) * 1000)),
  );
  return {
    slots: names.length,
    readySlots: cluster.countReady(names),
    readyAfterSeconds,
    equalAfterSeconds,
    loads,
  };
}
