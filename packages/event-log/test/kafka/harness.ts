import { createKafkaLog, describeKafkaFailure, type EventLog, type NewRecord } from '@slotcast/event-log';
import { sharedKafka, uniqueName, waitUntil } from '@slotcast/testkit';
import kafkajs, { type Admin } from 'kafkajs';
import { type ContractHarness, readAll, record, text } from '../contract-context.ts';

/** Segments are closed by the first append that comes that long after they were begun. */
export const SEGMENT_MS = 500;

/** Lets the broker's cleaner work on a topic as soon as a segment is closed, and closes segments every half second. */
export const compactingConfig: ReadonlyMap<string, string> = new Map([
  ['cleanup.policy', 'compact'],
  ['segment.ms', String(SEGMENT_MS)],
  ['min.cleanable.dirty.ratio', '0.01'],
  ['max.compaction.lag.ms', '500'],
  ['delete.retention.ms', '0'],
]);

/** The adapter against a broker, with what a log's own port does not offer done by kafkajs directly. */
export async function openKafkaHarness(): Promise<ContractHarness> {
  const bootstrapServers = await sharedKafka();
  const connections: EventLog[] = [];
  const connect = (): EventLog => {
    const log = connectTo(bootstrapServers);
    connections.push(log);
    return log;
  };
  const log = connect();
  return {
    connect,
    uniqueName,
    compactingConfig,
    compact: (topic) => compactTopic(log, topic),
    recreateTopic: (topic) => withAdmin(bootstrapServers, (admin) => recreateTopic(admin, topic)),
    leaveOpen: (transactionalId, records) => leaveOpen(bootstrapServers, transactionalId, records),
    close: async () => {
      await Promise.all(connections.map((connection) => connection.close()));
    },
  };
}

/** A connection with short deadlines, whose own lines of log go nowhere. */
export function connectTo(
  bootstrapServers: string,
  options: Partial<Parameters<typeof createKafkaLog>[0]> = {},
): EventLog {
  return createKafkaLog({
    brokers: [bootstrapServers],
    clientId: 'slotcast-test',
    logger: () => undefined,
    ...options,
  });
}

export async function withAdmin<T>(bootstrapServers: string, use: (admin: Admin) => Promise<T>): Promise<T> {
  const client = new kafkajs.Kafka({ brokers: [bootstrapServers], logLevel: kafkajs.logLevel.NOTHING });
  const admin = client.admin();
  await admin.connect();
  try {
    return await use(admin);
  } finally {
    await admin.disconnect();
  }
}

async function hasLeader(admin: Admin, topic: string): Promise<boolean> {
  const { topics } = await admin.fetchTopicMetadata({ topics: [topic] }).catch((error: unknown) => {
    // The broker that is asked may not know yet what another made.
    if (['unknown_topic', 'unavailable'].includes(describeKafkaFailure(error).type)) {
      return { topics: [] };
    }
    throw error;
  });
  return topics.some(({ partitions }) => partitions.every(({ leader }) => leader >= 0));
}

async function recreateTopic(admin: Admin, topic: string): Promise<void> {
  await admin.deleteTopics({ topics: [topic] });
  // The name is free for a new topic only when the deletion has come through.
  const topics = [{ topic, numPartitions: 1, replicationFactor: 1 }];
  await waitUntil(() => admin.createTopics({ topics, waitForLeaders: false }), {
    describe: `topic ${topic} to be created again`,
  });
  await waitUntil(() => hasLeader(admin, topic), { describe: `a leader of topic ${topic}` });
}

/** Appends, so that segments are closed, until the cleaner has left one record of each key and no tombstone. */
async function compactTopic(log: EventLog, topic: string): Promise<void> {
  await waitUntil(
    async () => {
      const writer = await log.claim(uniqueName('filler'));
      await writer.append([record(topic, 'filler', null)]);
      await writer.close();
      const reader = await log.read(topic, 'beginning');
      const records = (await readAll(log, reader, topic)).filter(({ key }) => text(key) !== 'filler');
      await reader.close();
      const keys = new Set(records.map(({ key }) => text(key)));
      return keys.size === records.length && records.every(({ value }) => value !== null);
    },
    { describe: `the compaction of topic ${topic}`, intervalMs: 300 },
  );
}

async function leaveOpen(
  bootstrapServers: string,
  transactionalId: string,
  records: readonly NewRecord[],
): Promise<void> {
  const { die } = await openTransaction(bootstrapServers, transactionalId, records);
  await die();
}

/** Appends without a commit; the caller says what becomes of the transaction. */
export async function openTransaction(
  bootstrapServers: string,
  transactionalId: string,
  records: readonly NewRecord[],
): Promise<{ readonly abort: () => Promise<void>; readonly die: () => Promise<void> }> {
  const client = new kafkajs.Kafka({ brokers: [bootstrapServers], logLevel: kafkajs.logLevel.NOTHING });
  const producer = client.producer({
    transactionalId,
    maxInFlightRequests: 1,
    createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
  });
  await producer.connect();
  const transaction = await producer.transaction();
  for (const { topic, key, value } of records) {
    const message = {
      partition: 0,
      key: Buffer.from(key),
      value: value === null ? null : Buffer.from(value),
    };
    await transaction.send({ topic, messages: [message] });
  }
  return {
    abort: async () => {
      await transaction.abort();
      await producer.disconnect();
    },
    die: () => producer.disconnect(),
  };
}
