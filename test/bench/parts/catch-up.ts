import { setTimeout as sleep } from 'node:timers/promises';
import { parseLsn } from '@slotcast/domain';
import type { PostgresServer } from '@slotcast/testkit';
import type { BenchCluster } from '../cluster/bench-cluster.ts';
import { positionsOf } from '../cluster/slot-positions.ts';
import type { ReachedLoad } from '../cluster/write-load.ts';
import { keepMoving, underLoad } from './lag.ts';

const CAUGHT_UP_TIMEOUT_MS = 120_000;
const LOOK_INTERVAL_MS = 100;

/** Who was away: slotcast's consumer and PostgreSQL's slot sync, or the whole standbys. */
type Away = 'services' | 'standbys';

/** Seconds from the start of what was away until every slot stood where it had stood on the primary at that start. */
export interface CatchUpResult {
  readonly away: Away;
  readonly awaySeconds: number;
  readonly slots: number;
  readonly load: ReachedLoad;
  readonly slotcastSeconds: number | undefined;
  readonly nativeSeconds: number | undefined;
  /** Until the standby itself had replayed what was written meanwhile: nothing can be quicker. */
  readonly replayedSeconds: number | undefined;
}

/** Measures how long both ways take to catch up after they were away, while writes and moves go on. */
export async function measureCatchUp(
  cluster: BenchCluster,
  options: {
    readonly slots: number;
    readonly mbPerSecond: number;
    readonly awaySeconds: number;
    readonly say: (text: string) => void;
  },
): Promise<readonly CatchUpResult[]> {
  const names = Array.from({ length: options.slots }, (_, index) => `bench_catch_up_${index + 1}`);
  await cluster.createSlots(names);
  await cluster.untilFollowed(names, { native: true });
  await cluster.settle();
  const results: CatchUpResult[] = [];
  for (const away of ['services', 'standbys'] as const) {
    options.say(`${away} away for ${options.awaySeconds} s`);
    results.push(await measureOne(cluster, { ...options, names, away }));
  }
  return results;
}

async function measureOne(
  cluster: BenchCluster,
  options: {
    readonly names: readonly string[];
    readonly mbPerSecond: number;
    readonly awaySeconds: number;
    readonly away: Away;
  },
): Promise<CatchUpResult> {
  const { names, away, awaySeconds } = options;
  return underLoad(cluster, options.mbPerSecond, async (load) => {
    const moving = keepMoving(cluster, names);
    try {
      const reached = await load.measure();
      await sendAway(cluster, away);
      await sleep(awaySeconds * 1000);
      const there = await positionsOf(cluster.primary);
      const startedAt = performance.now();
      await comeBack(cluster, away);
      const [slotcastSeconds, nativeSeconds, replayedSeconds] = await Promise.all([
        secondsUntil(() => standsAt(cluster.standby, there), startedAt),
        secondsUntil(() => standsAt(cluster.native, there), startedAt),
        secondsUntil(() => hasReplayed(cluster.standby, there), startedAt),
      ]);
      const written = await reached();
      return {
        away,
        awaySeconds,
        slots: names.length,
        load: written,
        slotcastSeconds,
        nativeSeconds,
        replayedSeconds,
      };
    } finally {
      await moving.stop();
    }
  });
}

async function sendAway(cluster: BenchCluster, away: Away): Promise<void> {
  if (away === 'services') {
    await Promise.all([
      cluster.stopService('consumer'),
      cluster.native.setConfig({ sync_replication_slots: 'off' }),
    ]);
  } else {
    await Promise.all([cluster.standby.stop(), cluster.native.stop()]);
  }
}

/** Returns when both have been started, which is before they work. */
async function comeBack(cluster: BenchCluster, away: Away): Promise<void> {
  if (away === 'services') {
    await Promise.all([
      cluster.startService('consumer'),
      cluster.native.setConfig({ sync_replication_slots: 'on' }),
    ]);
  } else {
    await Promise.all([cluster.standby.start(), cluster.native.start()]);
  }
}

async function secondsUntil(
  condition: () => Promise<boolean>,
  startedAt: number,
): Promise<number | undefined> {
  while (!(await condition())) {
    if (performance.now() - startedAt > CAUGHT_UP_TIMEOUT_MS) {
      return undefined;
    }
    await sleep(LOOK_INTERVAL_MS);
  }
  return (performance.now() - startedAt) / 1000;
}

async function standsAt(server: PostgresServer, there: ReadonlyMap<string, string>): Promise<boolean> {
  const here = await positionsOf(server);
  return [...there].every(([slot, position]) => {
    const reached = here.get(slot);
    return reached !== undefined && parseLsn(reached) >= parseLsn(position);
  });
}

async function hasReplayed(server: PostgresServer, there: ReadonlyMap<string, string>): Promise<boolean> {
  const replayed = parseLsn(await server.currentLsn());
  return [...there.values()].every((position) => replayed >= parseLsn(position));
}
