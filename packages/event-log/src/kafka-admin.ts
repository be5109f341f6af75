import { setTimeout as sleep } from 'node:timers/promises';
import kafkajs, { type Admin } from 'kafkajs';
import { withDeadline } from './deadline.ts';
import type { NewTopic, TopicDescription } from './event-log.ts';
import { disconnectLater, type KafkaContext } from './kafka-client.ts';
import { describeKafkaFailure, failureMessage } from './kafka-error.ts';
import { LogUnavailableError } from './log-error.ts';

/** The offsets of a topic's only partition. */
export interface TopicOffsets {
  readonly clusterId: string;
  /** Offset of the oldest record, compacted ones included. */
  readonly low: bigint;
  /** The last stable offset: where the oldest open transaction begins, or else the end. */
  readonly high: bigint;
}

export interface ClusterDescription {
  readonly clusterId: string;
  readonly brokerCount: number;
}

/** Between two looks for the leaders of a new topic. */
const LEADER_LOOK_MS = 50;

/** Asks who the brokers are. Throws a LogUnavailableError. */
export function describeCluster(context: KafkaContext): Promise<ClusterDescription> {
  return ask(context, 'ask for the id of the Kafka cluster', async (admin) => {
    const { clusterId, brokers } = await admin.describeCluster();
    return { clusterId, brokerCount: brokers.length };
  });
}

/** Asks for a topic and its settings; `undefined` when there is none. Throws a LogUnavailableError. */
export function describeTopic(context: KafkaContext, topic: string): Promise<TopicDescription | undefined> {
  return ask(context, `describe topic ${topic}`, async (admin) => {
    const partitions = await findPartitions(admin, topic);
    if (partitions === undefined) {
      return undefined;
    }
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: kafkajs.ConfigResourceTypes.TOPIC, name: topic }],
    });
    const entries = resources[0]?.configEntries ?? [];
    return {
      partitions: partitions.length,
      replicationFactor: partitions[0]?.replicas.length ?? 0,
      config: new Map(entries.map((entry) => [entry.configName, entry.configValue])),
    };
  });
}

/** Creates a topic and waits until it can be used; false when there is one already. Throws a LogUnavailableError. */
export function createTopic(context: KafkaContext, topic: NewTopic): Promise<boolean> {
  return ask(context, `create topic ${topic.topic}`, async (admin) => {
    const created = await admin.createTopics({
      // kafkajs gives up when a busy broker does not know of the new topic yet.
      waitForLeaders: false,
      topics: [
        {
          topic: topic.topic,
          numPartitions: topic.partitions,
          replicationFactor: topic.replicationFactor,
          configEntries: [...topic.config].map(([name, value]) => ({ name, value })),
        },
      ],
    });
    const deadline = performance.now() + context.operationTimeoutMs;
    while (performance.now() < deadline && !(await hasLeaders(admin, topic))) {
      await sleep(LEADER_LOOK_MS);
    }
    return created;
  });
}

async function hasLeaders(admin: Admin, { topic, partitions }: NewTopic): Promise<boolean> {
  const known = await findPartitions(admin, topic);
  return known !== undefined && known.length >= partitions && known.every(({ leader }) => leader >= 0);
}

/** Asks where a topic begins and ends; `undefined` when there is no such topic. Throws a LogUnavailableError. */
export function topicOffsets(context: KafkaContext, topic: string): Promise<TopicOffsets | undefined> {
  return ask(context, `ask for the end of topic ${topic}`, async (admin) => {
    if ((await findPartitions(admin, topic)) === undefined) {
      return undefined;
    }
    const { clusterId } = await admin.describeCluster();
    const offsets = (await admin.fetchTopicOffsets(topic)).find(({ partition }) => partition === 0);
    if (offsets === undefined) {
      throw new Error(`Kafka gave no offsets for partition 0 of topic ${topic}`);
    }
    return { clusterId, low: BigInt(offsets.low), high: BigInt(offsets.high) };
  });
}

/** Removes an empty consumer group. Throws a LogUnavailableError, also when that is not permitted. */
export async function deleteGroup(context: KafkaContext, groupId: string): Promise<void> {
  await ask(context, `delete consumer group ${groupId}`, (admin) => admin.deleteGroups([groupId]));
}

async function findPartitions(admin: Admin, topic: string) {
  try {
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
    return topics.find(({ name }) => name === topic)?.partitions;
  } catch (error) {
    if (describeKafkaFailure(error).type === 'unknown_topic') {
      return undefined;
    }
    throw error;
  }
}

/** Asks over a connection of its own, so that no question inherits the broken state of an earlier one. */
async function ask<T>(
  context: KafkaContext,
  attempt: string,
  question: (admin: Admin) => Promise<T>,
): Promise<T> {
  const answer = askAndDisconnect(context, question);
  try {
    return await withDeadline(answer, context.operationTimeoutMs);
  } catch (error) {
    throw new LogUnavailableError(failureMessage(attempt, context.brokers, error), { cause: error });
  }
}

/** Disconnects after the answer, however late: a client that is disconnected while it connects stays connected. */
async function askAndDisconnect<T>(
  context: KafkaContext,
  question: (admin: Admin) => Promise<T>,
): Promise<T> {
  const admin = context.client.admin();
  try {
    await admin.connect();
    return await question(admin);
  } finally {
    disconnectLater(context, admin);
  }
}
