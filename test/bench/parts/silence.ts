import { setTimeout as sleep } from 'node:timers/promises';
import type { BenchCluster } from '../cluster/bench-cluster.ts';
import { type Distribution, summarize } from '../measure/distribution.ts';
import { openWatches, outcome, underLoad } from './lag.ts';

export interface SilenceResult {
  readonly quietSeconds: number;
  readonly rounds: readonly { readonly slotcastMs: number; readonly nativeMs: number }[];
  readonly slotcastMs: Distribution;
  readonly nativeMs: Distribution;
  readonly ratioP50: number;
}

/** Measures how long the first move after a silence takes to each standby. Nothing is written or asked during the silence. */
export async function measureSilence(
  cluster: BenchCluster,
  options: {
    readonly quietSeconds: number;
    readonly quietRounds: number;
    readonly mbPerSecond: number;
    readonly say: (text: string) => void;
  },
): Promise<SilenceResult> {
  const slot = 'bench_silence';
  await cluster.createSlots([slot]);
  await cluster.untilFollowed([slot], { native: true });
  await cluster.settle();
  const rounds: { slotcastMs: number; nativeMs: number }[] = [];
  await underLoad(cluster, options.mbPerSecond, async () => {
    for (let round = 1; round <= options.quietRounds; round += 1) {
      options.say(`silence ${round} of ${options.quietRounds}`);
      await sleep(options.quietSeconds * 1000);
      rounds.push(await measureFirstMove(cluster, slot));
    }
  });
  const slotcastMs = summarize(rounds.map((round) => round.slotcastMs));
  const nativeMs = summarize(rounds.map((round) => round.nativeMs));
  const ratioP50 = slotcastMs.p50 / nativeMs.p50;
  return { quietSeconds: options.quietSeconds, rounds, slotcastMs, nativeMs, ratioP50 };
}

async function measureFirstMove(
  cluster: BenchCluster,
  slot: string,
): Promise<{ slotcastMs: number; nativeMs: number }> {
  const watches = await openWatches(cluster);
  try {
    for (const move of await cluster.subscribers.move([slot])) {
      watches.slotcast.expect(move);
      watches.native.expect(move);
    }
    const [slotcast, native] = await Promise.all([outcome(watches.slotcast), outcome(watches.native)]);
    return { slotcastMs: slotcast.lagMs.max, nativeMs: native.lagMs.max };
  } finally {
    await watches.slotcast.close();
    await watches.native.close();
  }
}
