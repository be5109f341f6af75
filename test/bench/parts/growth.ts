import type { ServiceProcess } from '../../support/service-process.ts';
import type { BenchCluster } from '../cluster/bench-cluster.ts';
import type { Distribution } from '../measure/distribution.ts';
import { histogramTotals, meanBetween } from '../measure/metric-mean.ts';
import { PositionWatch } from '../measure/position-watch.ts';
import type { Loads } from '../measure/service-load.ts';
import { moveInTurns, outcome, underLoad } from './lag.ts';

/** The same for every number of slots, so that what grows is the cost of the slots that do not move. */
const MOVES_PER_SECOND = 100;
const POLL = 'slotcast_publisher_poll_seconds';

interface GrowthRow {
  readonly slots: number;
  readonly readyAfterSeconds: number;
  readonly movesPerSecond: number;
  /** Milliseconds. */
  readonly lagMs: Distribution;
  /** Of the publisher's look at the primary's slots, in the mean. */
  readonly pollMs: number | undefined;
  /** Processor time per move in milliseconds: both services, and their sessions on both servers. */
  readonly publisherMsPerMove: number;
  readonly consumerMsPerMove: number;
  readonly primarySessionsMsPerMove: number;
  readonly standbySessionsMsPerMove: number;
  readonly loads: Loads;
}

export interface GrowthResult {
  readonly rows: readonly GrowthRow[];
  /** Numbers of slots that could not be measured, and why. */
  readonly failed: readonly { readonly slots: number; readonly message: string }[];
}

/** Measures what a move costs with more and more slots, of which each moves ever less often. */
export async function measureGrowth(
  cluster: BenchCluster,
  options: {
    readonly slots: readonly number[];
    readonly seconds: number;
    readonly mbPerSecond: number;
    readonly say: (text: string) => void;
  },
): Promise<GrowthResult> {
  // The server's own slot sync is not measured here, and would take part of the machine.
  await cluster.native.stop();
  const rows: GrowthRow[] = [];
  const failed: { slots: number; message: string }[] = [];
  const names: string[] = [];
  for (const slots of options.slots) {
    options.say(`${slots} slots`);
    try {
      rows.push(await measureRow(cluster, names, { ...options, slots }));
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      options.say(`failed: ${message}`);
      failed.push({ slots, message });
    }
  }
  if (rows.length === 0) {
    throw new Error(`nothing was measured: ${failed[0]?.message ?? 'no number of slots was wanted'}`);
  }
  return { rows, failed };
}

async function measureRow(
  cluster: BenchCluster,
  names: string[],
  options: { readonly slots: number; readonly seconds: number; readonly mbPerSecond: number },
): Promise<GrowthRow> {
  const startedAt = performance.now();
  await addSlots(cluster, names, options.slots);
  await cluster.untilFollowed(names, { native: false });
  const readyAfterSeconds = (performance.now() - startedAt) / 1000;
  await cluster.untilEqual({ native: false });
  return underLoad(cluster, options.mbPerSecond, async () => {
    const watch = await PositionWatch.open(cluster.standby);
    try {
      const wanted = { slots: names, movesPerSecond: MOVES_PER_SECOND, seconds: options.seconds };
      await moveInTurns(cluster, [], { ...wanted, seconds: 1 });
      const pollsBefore = await polls(cluster.publisher);
      const moving = moveInTurns(cluster, [watch], wanted);
      const [movesPerSecond, loads] = await Promise.all([moving, cluster.measureLoads(moving)]);
      const pollSeconds = meanBetween(pollsBefore, await polls(cluster.publisher));
      const { lagMs } = await outcome(watch);
      const perMove = (percent: number): number => (10 * percent) / movesPerSecond;
      return {
        slots: options.slots,
        readyAfterSeconds,
        movesPerSecond,
        lagMs,
        pollMs: pollSeconds === undefined ? undefined : 1000 * pollSeconds,
        publisherMsPerMove: perMove(loads.publisher.cpuPercent),
        consumerMsPerMove: perMove(loads.consumer.cpuPercent),
        primarySessionsMsPerMove: perMove(loads.servers.primary?.services ?? 0),
        standbySessionsMsPerMove: perMove(loads.servers.standby?.services ?? 0),
        loads,
      };
    } finally {
      await watch.close();
    }
  });
}

async function addSlots(cluster: BenchCluster, names: string[], wanted: number): Promise<void> {
  const [first] = names;
  const missing = Array.from(
    { length: wanted - names.length },
    (_, index) => `bench_growth_${names.length + index + 1}`,
  );
  if (first === undefined) {
    await cluster.createSlots(missing.slice(0, 1));
    await cluster.copySlots(missing[0] ?? '', missing.slice(1));
  } else {
    await cluster.copySlots(first, missing);
  }
  names.push(...missing);
}

async function polls(publisher: ServiceProcess): Promise<ReturnType<typeof histogramTotals>> {
  return histogramTotals((await publisher.get('/metrics'))?.body ?? '', POLL);
}
