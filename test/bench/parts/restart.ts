import { setTimeout as sleep } from 'node:timers/promises';
import type { BenchCluster } from '../cluster/bench-cluster.ts';
import { OpenTransaction } from '../cluster/open-transaction.ts';
import type { ReachedLoad, WriteLoad } from '../cluster/write-load.ts';
import { largestGaps, type RestartGaps, type RestartSample, RestartWatch } from '../measure/restart-watch.ts';
import type { Loads } from '../measure/service-load.ts';
import { keepMoving, underLoad } from './lag.ts';

/** The most that restart_lsn may be behind that of the primary's slot. */
export const BOUND_MB = 256;
/** How long the load goes on after the transaction has ended. */
const AFTERWARDS_SECONDS = 60;

export interface RestartResult {
  readonly slots: number;
  readonly minutes: number;
  readonly load: ReachedLoad;
  /** The most in the first half, without an open transaction. */
  readonly without: RestartGaps;
  /** The most in the second half, with one transaction open all the time. */
  readonly with: RestartGaps;
  /** WAL that was written while it was open, and so has to be kept. */
  readonly heldMb: number;
  /** Seconds from its end until restart_lsn stayed within the bound of where the primary's slot was 10 s before; `undefined` when it was not within a minute. */
  readonly backAfterSeconds: number | undefined;
  readonly nativeBackAfterSeconds: number | undefined;
  readonly end: RestartGaps;
  /** In the first half. */
  readonly loads: Loads;
}

/** Measures how far restart_lsn gets behind that of the primary's slots under write load, and while a transaction is open. */
export async function measureRestart(
  cluster: BenchCluster,
  options: {
    readonly slots: number;
    readonly mbPerSecond: number;
    readonly minutes: number;
    readonly say: (text: string) => void;
  },
): Promise<RestartResult> {
  const names = Array.from({ length: options.slots }, (_, index) => `bench_restart_${index + 1}`);
  await cluster.createSlots(names);
  await cluster.untilFollowed(names, { native: true });
  await cluster.settle();
  const measure = async (load: WriteLoad): Promise<RestartResult> => {
    const watch = await RestartWatch.start(cluster.servers);
    const moving = keepMoving(cluster, names);
    try {
      return await measureHalves(cluster, { load, watch, ...options });
    } finally {
      await moving.stop();
      await watch.stop();
    }
  };
  // The subscribers' decoding costs by the record; of small ones two cores do not decode so much for each of the slots.
  return underLoad(cluster, options.mbPerSecond, measure, 'large');
}

async function measureHalves(
  cluster: BenchCluster,
  options: {
    readonly load: WriteLoad;
    readonly watch: RestartWatch;
    readonly slots: number;
    readonly minutes: number;
    readonly say: (text: string) => void;
  },
): Promise<RestartResult> {
  const { load, watch, say, slots, minutes } = options;
  const halfMs = minutes * 30_000;
  const startedAt = performance.now();
  const reached = await load.measure();
  say(`${minutes / 2} minutes without an open transaction`);
  const loads = await cluster.measureLoads(sleep(halfMs));
  const openedAt = performance.now();
  const open = await OpenTransaction.begin(cluster.primary);
  let heldMb: number;
  try {
    say(`${minutes / 2} minutes with one`);
    await sleep(halfMs);
    heldMb = Number((await load.position()) - open.startedLsn) / 1e6;
    await open.commit();
  } finally {
    await open.close();
  }
  const endedAt = performance.now();
  const written = await reached();
  say('afterwards');
  await sleep(AFTERWARDS_SECONDS * 1000);
  const { samples } = watch;
  const afterwards = samples.filter(({ at }) => at >= endedAt);
  return {
    slots,
    minutes,
    load: written,
    without: largestGaps(samples.filter(({ at }) => at >= startedAt && at < openedAt)),
    with: largestGaps(samples.filter(({ at }) => at >= openedAt && at < endedAt)),
    heldMb,
    backAfterSeconds: backAfter(afterwards, endedAt, (sample) => sample.slotcast.behindEarlierMb),
    nativeBackAfterSeconds: backAfter(afterwards, endedAt, (sample) => sample.native.behindEarlierMb),
    end: largestGaps(samples.slice(-1)),
    loads,
  };
}

/** Seconds until the first sample from which on all are within the bound. */
export function backAfter(
  samples: readonly RestartSample[],
  endedAt: number,
  behindMb: (sample: RestartSample) => number,
): number | undefined {
  const lastBeyond = samples.findLastIndex((sample) => behindMb(sample) > BOUND_MB);
  const first = samples[lastBeyond + 1];
  return first === undefined ? undefined : (first.at - endedAt) / 1000;
}
