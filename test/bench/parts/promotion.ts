import { setTimeout as sleep } from 'node:timers/promises';
import { type Lsn, minLsn, parseLsn } from '@slotcast/domain';
import type { PostgresConnection } from '@slotcast/postgres';
import { openSession } from '../cluster/bench-session.ts';
import { type Distribution, summarize } from '../measure/distribution.ts';
import { PromotionStage, positions } from './promotion-stage.ts';

const DATABASES = 2;
/** What the slots have before them when the primary dies. Without moves none of them has anything to decode, however much it is. */
const CASES = [
  { walMb: 32, moved: false, failover: false },
  { walMb: 32, moved: true, failover: false },
  { walMb: 256, moved: true, failover: false },
  { walMb: 32, moved: true, failover: true },
] as const;
const HAND_OFF_TIMEOUT_MS = 120_000;
const LOOK_INTERVAL_MS = 10;

/** All in milliseconds. */
export interface PromotionRound {
  /** What pg_promote() itself took. */
  readonly promoteMs: number;
  /** Slots that did not stand at their final position when it returned. */
  readonly behind: number;
  /** From its return until the record of the complete hand-off was there, and until the last slot stood at its final position. */
  readonly recordedMs: number;
  readonly placedMs: number;
  /** The later of the two. */
  readonly handedOverMs: number;
}

export interface PromotionResult {
  readonly slots: number;
  readonly walMb: number;
  /** True when every slot moved over all of the WAL right before the primary died; else none did. */
  readonly moved: boolean;
  /** True when the slots have `failover`, which a standby's copies cannot have and the hand-off has to set. */
  readonly failover: boolean;
  readonly rounds: readonly PromotionRound[];
  readonly recordedMs: Distribution;
  readonly handedOverMs: Distribution;
}

interface PromotionOptions {
  readonly slots: number;
  readonly rounds: number;
  readonly mbPerSecond: number;
  readonly say: (text: string) => void;
}

/**
 * Measures the hand-off after a promotion, with slots that are at rest, and with slots that all have a way to go. Each round has a cluster of
 * its own.
 */
export async function measurePromotion(options: PromotionOptions): Promise<readonly PromotionResult[]> {
  const results: PromotionResult[] = [];
  for (const one of CASES) {
    results.push(await measureRounds({ ...options, ...one }));
  }
  return results;
}

type Case = PromotionOptions & Pick<PromotionResult, 'walMb' | 'moved' | 'failover'>;

async function measureRounds(options: Case): Promise<PromotionResult> {
  const { slots, walMb, moved, failover } = options;
  const rounds: PromotionRound[] = [];
  for (let round = 1; round <= options.rounds; round += 1) {
    const before = `${moved ? 'all moved over' : 'at rest before'} ${walMb} MB`;
    const what = failover ? 'slots with failover' : 'slots';
    options.say(`promotion ${round} of ${options.rounds}, ${what} ${before}`);
    rounds.push(await measureRound(options));
  }
  return {
    slots,
    walMb,
    moved,
    failover,
    rounds,
    recordedMs: summarize(rounds.map((round) => round.recordedMs)),
    handedOverMs: summarize(rounds.map((round) => round.handedOverMs)),
  };
}

async function measureRound(options: Case): Promise<PromotionRound> {
  await using stage = await PromotionStage.build(Math.ceil(options.slots / DATABASES), options);
  await stage.writeWal(options.walMb * 1e6, options.mbPerSecond);
  if (options.moved) {
    await stage.moveAll();
  }
  const published = await stage.killPrimary();
  const session = await openSession(stage.standby);
  try {
    return await promote(stage, session, published);
  } finally {
    await session.close();
  }
}

async function promote(
  stage: PromotionStage,
  session: PostgresConnection,
  published: ReadonlyMap<string, Lsn>,
): Promise<PromotionRound> {
  const startedAt = performance.now();
  const [row] = await session.run<{ promoted: boolean }>({ text: 'select pg_promote(true, 60) as promoted' });
  const promotedAt = performance.now();
  if (row?.promoted !== true) {
    throw new Error('the standby did not end recovery within 60 s of pg_promote()');
  }
  const first = await positions(session);
  let placedMs: number | undefined;
  let recordedMs: number | undefined;
  let left: readonly string[] = [];
  while (placedMs === undefined || recordedMs === undefined) {
    const sinceMs = performance.now() - promotedAt;
    const here = await positions(session);
    const { handOff } = stage;
    recordedMs ??= handOff === undefined ? undefined : sinceMs;
    const switchLsn = handOff?.switchLsn;
    left = notPlaced(stage.slots, here, { published, switchLsn });
    placedMs ??= left.length === 0 ? performance.now() - promotedAt : undefined;
    if (sinceMs > HAND_OFF_TIMEOUT_MS) {
      throw new Error(`${left.length} slots are not where they belong (${left[0]}), record: ${recordedMs}`);
    }
    await sleep(LOOK_INTERVAL_MS);
  }
  const final = { published, switchLsn: stage.handOff?.switchLsn };
  await stage.assertFailover(session);
  return {
    promoteMs: promotedAt - startedAt,
    behind: notPlaced(stage.slots, first, final).length,
    recordedMs,
    placedMs,
    handedOverMs: Math.max(recordedMs, placedMs),
  };
}

/** The slots that do not stand at what was published, or at the switch point where that is earlier. */
function notPlaced(
  slots: readonly string[],
  here: ReadonlyMap<string, string>,
  final: { readonly published: ReadonlyMap<string, Lsn>; readonly switchLsn: Lsn | undefined },
): readonly string[] {
  return slots.filter((slot) => {
    const position = here.get(slot);
    const published = final.published.get(slot);
    if (position === undefined || published === undefined) {
      return true;
    }
    const goal = final.switchLsn === undefined ? published : minLsn(published, final.switchLsn);
    return parseLsn(position) !== goal;
  });
}
