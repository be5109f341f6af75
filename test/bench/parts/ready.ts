import { setTimeout as sleep } from 'node:timers/promises';
import { inBackground } from '../cluster/background.ts';
import type { BenchCluster } from '../cluster/bench-cluster.ts';
import { WriteLoad } from '../cluster/write-load.ts';
import { type Distribution, summarize } from '../measure/distribution.ts';

/** Moves all the time, so that PostgreSQL's slot sync takes its shortest naps: its best case. */
const COMPANION = 'bench_ready_companion';
const SHORTEST_PAUSE_MS = 10;
const LOOK_INTERVAL_MS = 20;

/** Seconds from the answer of the last creation; `undefined` when it did not come in time. */
interface ReadyRound {
  /** What making the slots took, one after the other. */
  readonly createdSeconds: number;
  readonly slotcastSeconds: number | undefined;
  readonly nativeSeconds: number | undefined;
  /** How many were ready in the end. */
  readonly slotcastReady: number;
  readonly nativeReady: number;
}

export interface ReadyResult {
  readonly slots: number;
  readonly confirmIntervalMs: number;
  readonly timeoutSeconds: number;
  /** Of the standbys: how long a pin may take to the primary. */
  readonly statusIntervalSeconds: number;
  readonly rounds: readonly ReadyRound[];
  readonly slotcastSeconds: Distribution | undefined;
  readonly nativeSeconds: Distribution | undefined;
}

export interface ReadyOptions {
  readonly slots: number;
  readonly rounds: number;
  readonly confirmIntervalMs: number;
  readonly timeoutSeconds: number;
  readonly mbPerSecond: number;
  readonly say: (text: string) => void;
}

/** Measures how long new slots take to be ready, both ways, while their subscribers confirm all the time. */
export async function measureReady(
  cluster: BenchCluster,
  wanted: readonly Omit<ReadyOptions, 'mbPerSecond' | 'say'>[],
  options: Pick<ReadyOptions, 'mbPerSecond' | 'say'>,
): Promise<readonly ReadyResult[]> {
  await cluster.createSlots([COMPANION]);
  await cluster.untilFollowed([COMPANION], { native: true });
  const load = await WriteLoad.start(cluster.primary, options.mbPerSecond);
  try {
    const results: ReadyResult[] = [];
    for (const one of wanted) {
      results.push(await measureRounds(cluster, { ...one, ...options }));
    }
    return results;
  } finally {
    await load.stop();
  }
}

async function measureRounds(cluster: BenchCluster, options: ReadyOptions): Promise<ReadyResult> {
  const { slots, confirmIntervalMs, timeoutSeconds } = options;
  const rounds: ReadyRound[] = [];
  for (let round = 1; round <= options.rounds; round += 1) {
    options.say(`${slots} new slots, round ${round} of ${options.rounds}`);
    rounds.push(await measureRound(cluster, options, `bench_ready_${slots}_${round}`));
  }
  return {
    slots,
    confirmIntervalMs,
    timeoutSeconds,
    statusIntervalSeconds: await statusInterval(cluster),
    rounds,
    slotcastSeconds: summarizeAll(rounds.map((round) => round.slotcastSeconds)),
    nativeSeconds: summarizeAll(rounds.map((round) => round.nativeSeconds)),
  };
}

async function measureRound(
  cluster: BenchCluster,
  options: ReadyOptions,
  prefix: string,
): Promise<ReadyRound> {
  const names = Array.from({ length: options.slots }, (_, index) => `${prefix}_${index + 1}`);
  let made = false;
  const confirming = inBackground((signal) =>
    confirmAgain(cluster, { intervalMs: options.confirmIntervalMs, all: () => made, signal }),
  );
  try {
    const startedAt = performance.now();
    await cluster.createSlots(names);
    const createdAt = performance.now();
    made = true;
    const deadline = createdAt + options.timeoutSeconds * 1000;
    const [slotcastSeconds, nativeSeconds] = await Promise.all([
      secondsUntil(() => cluster.countReady(names) === names.length, { createdAt, deadline }),
      secondsUntil(async () => (await cluster.countSynced(names)) === names.length, { createdAt, deadline }),
    ]);
    return {
      createdSeconds: (createdAt - startedAt) / 1000,
      slotcastSeconds,
      nativeSeconds,
      slotcastReady: cluster.countReady(names),
      nativeReady: await cluster.countSynced(names),
    };
  } finally {
    await confirming.stop();
    await dropAll(cluster, names);
  }
}

/** The companion's subscriber confirms, and when all slots are made every one decodes and confirms, again and again. */
async function confirmAgain(
  cluster: BenchCluster,
  options: { readonly intervalMs: number; readonly all: () => boolean; readonly signal: AbortSignal },
): Promise<void> {
  while (!options.signal.aborted) {
    const startedAt = performance.now();
    await (options.all() ? cluster.subscribers.decodeAll() : cluster.subscribers.move([COMPANION]));
    await sleep(Math.max(SHORTEST_PAUSE_MS, options.intervalMs - (performance.now() - startedAt)));
  }
}

async function secondsUntil(
  condition: () => boolean | Promise<boolean>,
  times: { readonly createdAt: number; readonly deadline: number },
): Promise<number | undefined> {
  while (!(await condition())) {
    if (performance.now() > times.deadline) {
      return undefined;
    }
    await sleep(LOOK_INTERVAL_MS);
  }
  return (performance.now() - times.createdAt) / 1000;
}

/** Drops the slots, and waits until they are gone on both standbys, so that the next round begins as this one did. */
async function dropAll(cluster: BenchCluster, names: readonly string[]): Promise<void> {
  await cluster.primary.query(
    'select count(pg_drop_replication_slot(slot_name)) from pg_replication_slots where slot_name = any($1)',
    [[...names]],
  );
  const text = `select count(*)::int as left from pg_replication_slots
                 where slot_name in (${names.map((name) => `'${name}'`).join(', ')})`;
  for (const standby of [cluster.standby, cluster.native]) {
    await standby.waitFor<{ left: number }>(text, ([row]) => row?.left === 0, 120_000);
  }
}

async function statusInterval(cluster: BenchCluster): Promise<number> {
  const [row] = await cluster.standby.query<{ seconds: number }>(
    "select setting::int as seconds from pg_settings where name = 'wal_receiver_status_interval'",
  );
  return row?.seconds ?? 0;
}

/** `undefined` when one of them did not come in time. */
function summarizeAll(seconds: readonly (number | undefined)[]): Distribution | undefined {
  const known = seconds.filter((value) => value !== undefined);
  return known.length < seconds.length || known.length === 0 ? undefined : summarize(known);
}
