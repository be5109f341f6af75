import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { SlotEvent } from '@slotcast/domain';
import { replayTopic } from '@slotcast/event-log';
import { createCodec } from '@slotcast/event-schema';
import { runKafkaTool, uniqueName } from '@slotcast/testkit';
import type { BenchCluster } from '../cluster/bench-cluster.ts';
import { memoryUse } from '../measure/processor-time.ts';

const SLOTS = 100;
const BATCH = 4_000;
const TIMEOUT_MS = 900_000;
const NO_SUCH_FILE = 'ENOENT';

export interface ReplayResult {
  readonly records: number;
  readonly slots: number;
  /** From the start of the consumer's process until it had read both topics and goes to work. */
  readonly consumerSeconds: number;
  readonly consumerPeakRssMb: number;
  /** By what the services read with: reading alone, and with decoding. */
  readonly readSeconds: number;
  readonly decodeSeconds: number;
  readonly other: { readonly tool: string; readonly seconds: number };
}

/** Measures how long a consumer takes to read a large topic at its start, beside a reader that does nothing with it. */
export async function measureReplay(
  cluster: BenchCluster,
  options: { readonly records: number; readonly say: (text: string) => void },
): Promise<ReplayResult> {
  const { records, say } = options;
  const names = Array.from({ length: SLOTS }, (_, index) => `bench_replay_${index + 1}`);
  await cluster.native.stop();
  await cluster.createSlots(names.slice(0, 1));
  await cluster.copySlots(names[0] ?? '', names.slice(1));
  await cluster.untilFollowed(names, { native: false });
  await cluster.untilEqual({ native: false });
  await Promise.all([cluster.stopService('publisher'), cluster.stopService('consumer')]);
  say(`writing ${records} records`);
  await fillTopic(cluster, records);
  say('reading them');
  const other = await readElsewhere(cluster, records);
  const readSeconds = await seconds(() => readAll(cluster, undefined));
  const decodeSeconds = await seconds(() => readAll(cluster, () => {}));
  const consumerSeconds = await seconds(async () => {
    await (await cluster.startService('consumer')).logged('replayed the topics', TIMEOUT_MS);
  });
  const { peakRssMb } = await memoryUse(cluster.consumer.process.pid);
  return {
    records,
    slots: SLOTS,
    consumerSeconds,
    consumerPeakRssMb: peakRssMb,
    readSeconds,
    decodeSeconds,
    other,
  };
}

/** Goes on where the publisher stopped: each slot is updated again and again, as it is. */
async function fillTopic(cluster: BenchCluster, records: number): Promise<void> {
  const newest = new Map<string, SlotEvent>();
  let seq = 0;
  await readAll(cluster, (event) => {
    newest.set(event.slot, event);
    seq = Math.max(seq, event.seq);
  });
  const events = [...newest.values()].filter((event) => event.op !== 'drop');
  const { codec, log, topics } = cluster.scene;
  const writer = await log.claim(uniqueName('bench_replay'));
  try {
    for (let written = 0; written < records; written += BATCH) {
      const batch = await Promise.all(
        Array.from({ length: Math.min(BATCH, records - written) }, async (_, index) => {
          const event = events[(written + index) % events.length];
          if (event === undefined) {
            throw new Error('the topic has no slot that could be updated');
          }
          const next: SlotEvent = {
            ...event,
            op: 'update',
            seq: seq + SLOTS + written + index,
            time: Date.now(),
          };
          return codec.encodeSlotEvent(topics.slots, next);
        }),
      );
      await writer.append(batch.flat().map((record) => ({ topic: topics.slots, ...record })));
    }
  } finally {
    await writer.close();
  }
}

/** Without `onEvent` nothing is decoded. */
async function readAll(
  cluster: BenchCluster,
  onEvent: ((event: SlotEvent) => void) | undefined,
): Promise<void> {
  const codec = createCodec();
  const reader = await replayTopic({
    log: cluster.scene.log,
    topic: cluster.scene.topics.slots,
    onRecords: async (records) => {
      for (const record of onEvent === undefined ? [] : records) {
        const event = await codec.decodeSlotsRecord(record);
        if (event.kind === 'slot') {
          onEvent?.(event);
        }
      }
    },
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  await reader.close();
}

/** As a whole process: kcat, or Kafka's own consumer where there is none. */
async function readElsewhere(cluster: BenchCluster, records: number): Promise<ReplayResult['other']> {
  const { bootstrapServers, topics } = cluster.scene;
  try {
    const took = await seconds(() => runKcat(bootstrapServers, topics.slots));
    return { tool: 'kcat', seconds: took };
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === NO_SUCH_FILE)) {
      throw error;
    }
  }
  const command = `kafka-consumer-perf-test.sh --bootstrap-server ${bootstrapServers} --topic ${topics.slots} --messages ${records}`;
  const took = await seconds(() => runKafkaTool(command));
  return { tool: 'kafka-consumer-perf-test.sh', seconds: took };
}

async function runKcat(bootstrapServers: string, topic: string): Promise<void> {
  const options = ['-C', '-b', bootstrapServers, '-t', topic, '-o', 'beginning', '-e', '-q'];
  const kcat = spawn('kcat', [...options, '-f', '%k %h\\n'], {
    stdio: 'ignore',
    timeout: TIMEOUT_MS,
  });
  await once(kcat, 'spawn');
  if (kcat.exitCode === null) {
    await once(kcat, 'close');
  }
  if (kcat.exitCode !== 0) {
    throw new Error(`kcat ended with ${kcat.exitCode ?? kcat.signalCode}`);
  }
}

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return (performance.now() - startedAt) / 1000;
}
