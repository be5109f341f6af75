import { formatLsn, type Lsn, parseLsn, parseSlotName } from '@slotcast/domain';
import { type LogReader, type LogWriter, requiredTopicConfig } from '@slotcast/event-log';
import { moveSlots, type PostgresConnection } from '@slotcast/postgres';
import { uniqueName } from '@slotcast/testkit';
import type { BenchCluster } from '../cluster/bench-cluster.ts';
import { openSession } from '../cluster/bench-session.ts';
import { type Distribution, summarize } from '../measure/distribution.ts';
import { type LagResult, measureLag, underLoad } from './lag.ts';

const ROUNDS = 100;
const RECORD_BYTES = 300;
const TIMEOUT_MS = 60_000;
const FLOOR_SLOT = 'bench_floor_alone';

/** What cannot be saved, each timed alone on the machine that does everything else meanwhile, in milliseconds. */
interface Floor {
  /** A little WAL is written and flushed on the primary. */
  readonly flush: Distribution;
  /** From the primary's answer until the standby says that it has replayed it. */
  readonly replay: Distribution;
  /** One record in one transaction of Kafka. */
  readonly commit: Distribution;
  /** From the end of the commit until a reader has the record. */
  readonly fetch: Distribution;
  /** A slot on the standby is moved there, and its position read back. */
  readonly move: Distribution;
}

export interface FloorResult {
  readonly floor: Floor;
  /** Sum of the medians in milliseconds. */
  readonly sumMs: number;
  /** One slot that moves ten times a second, in the same part of the run. */
  readonly lag: LagResult;
  /** p50 of slotcast's lag in that sum. */
  readonly ratio: number;
}

/** Measures what the way of one position takes at the least, and the lag of slotcast right after it. */
export async function measureFloor(
  cluster: BenchCluster,
  options: { readonly seconds: number; readonly mbPerSecond: number; readonly say: (text: string) => void },
): Promise<FloorResult> {
  const slot = 'bench_floor';
  await cluster.createSlots([slot]);
  await cluster.untilFollowed([slot], { native: true });
  await cluster.settle();
  await cluster.scene.createForeignSlot(FLOOR_SLOT);
  options.say('each step alone');
  const floor = await underLoad(cluster, options.mbPerSecond, () => measureSteps(cluster));
  options.say('the whole way');
  const { mbPerSecond, seconds } = options;
  const lag = await measureLag(cluster, { slots: [slot], movesPerSecond: 10, mbPerSecond, seconds });
  await cluster.standby.query('select pg_drop_replication_slot($1)', [FLOOR_SLOT]);
  const sumMs = Object.values(floor).reduce((sum, { p50 }: Distribution) => sum + p50, 0);
  return { floor, sumMs, lag, ratio: lag.slotcast.lagMs.p50 / sumMs };
}

interface Tools {
  readonly primary: PostgresConnection;
  readonly standby: PostgresConnection;
  readonly walsender: PostgresConnection;
  readonly topic: string;
  readonly writer: LogWriter;
  readonly reader: LogReader;
}

async function measureSteps(cluster: BenchCluster): Promise<Floor> {
  const { log } = cluster.scene;
  const topic = uniqueName('bench_floor');
  await log.createTopic({ topic, partitions: 1, replicationFactor: 1, config: requiredTopicConfig() });
  const tools: Tools = {
    primary: await openSession(cluster.primary),
    standby: await openSession(cluster.standby),
    walsender: await openSession(cluster.standby, { replication: true }),
    topic,
    writer: await log.claim(topic),
    reader: await log.read(topic, 'beginning'),
  };
  try {
    const steps: Record<keyof Floor, number>[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      steps.push(await measureStep(tools));
    }
    const all = (of: keyof Floor): Distribution => summarize(steps.map((step) => step[of]));
    return {
      flush: all('flush'),
      replay: all('replay'),
      commit: all('commit'),
      fetch: all('fetch'),
      move: all('move'),
    };
  } finally {
    await Promise.allSettled([
      tools.primary.close(),
      tools.standby.close(),
      tools.walsender.close(),
      tools.writer.close(),
      tools.reader.close(),
    ]);
  }
}

async function measureStep(tools: Tools): Promise<Record<keyof Floor, number>> {
  const startedAt = performance.now();
  const [row] = await tools.primary.run<{ lsn: string }>({
    name: 'flush',
    text: "select pg_logical_emit_message(false, 'bench', 'something happened', true)::text as lsn",
  });
  const flushedAt = performance.now();
  const lsn = parseLsn(row?.lsn ?? '');
  await untilReplayed(tools.standby, lsn);
  const replayedAt = performance.now();
  const arrives = readOne(tools.reader);
  const record = {
    topic: tools.topic,
    key: Buffer.from('slot'),
    value: Buffer.alloc(RECORD_BYTES),
    headers: new Map<string, Uint8Array>(),
  };
  const sentAt = performance.now();
  await tools.writer.append([record]);
  const committedAt = performance.now();
  const arrivedAt = await arrives;
  const target = { name: parseSlotName(FLOOR_SLOT), plugin: 'test_decoding', target: lsn };
  const movingAt = performance.now();
  const [moved] = await moveSlots(tools.walsender, [target], { upTo: lsn });
  const movedAt = performance.now();
  if (moved?.kind !== 'moved') {
    throw new Error(`slot ${FLOOR_SLOT} did not move to ${formatLsn(lsn)} but ${moved?.kind}`);
  }
  return {
    flush: flushedAt - startedAt,
    replay: replayedAt - flushedAt,
    commit: committedAt - sentAt,
    fetch: Math.max(0, arrivedAt - committedAt),
    move: movedAt - movingAt,
  };
}

async function untilReplayed(standby: PostgresConnection, lsn: Lsn): Promise<void> {
  const deadline = performance.now() + TIMEOUT_MS;
  for (;;) {
    const [row] = await standby.run<{ reached: boolean }>({
      name: 'replayed',
      text: 'select pg_last_wal_replay_lsn() >= $1::pg_lsn as reached',
      values: [formatLsn(lsn)],
    });
    if (row?.reached === true) {
      return;
    }
    if (performance.now() > deadline) {
      throw new Error(`the standby did not replay ${formatLsn(lsn)} within ${TIMEOUT_MS} ms`);
    }
  }
}

async function readOne(reader: LogReader): Promise<number> {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  for (;;) {
    const { records } = await reader.next(signal);
    if (records.length > 0) {
      return performance.now();
    }
  }
}
