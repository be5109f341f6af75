import { setTimeout as sleep } from 'node:timers/promises';
import { asError } from '@slotcast/kernel';
import kafkajs, { type Admin } from 'kafkajs';
import type { NewTopic, TopicDescription } from '../event-log.ts';
import { disconnectLater, type KafkaClient, type KafkaContext } from './client.ts';
import { describeKafkaFailure, unavailable } from './error.ts';
import { readUncommitted } from './kafkajs-patches.ts';
import { DeadlineError, withDeadline } from './with-deadline.ts';

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
/** How long a topic that a broker does not know is looked for, and how often. */
const UNKNOWN_TOPIC_MS = 1_000;
const UNKNOWN_LOOK_MS = 200;
/** Before a question is asked again. */
const AGAIN_MS = 200;

/** Asks who the brokers are. Throws a LogUnavailableError. */
export function describeCluster(context: KafkaContext): Promise<ClusterDescription> {
  return ask(context, 'ask for the id of the Kafka cluster', async (admin) => {
    const { clusterId, brokers } = await admin.describeCluster();
    return { clusterId, brokerCount: brokers.length };
  });
}

/** Asks for a topic and its settings; `undefined` when there is none. Throws a LogUnavailableError. */
export function describeTopic(context: KafkaContext, topic: string): Promise<TopicDescription | undefined> {
  const look = async (admin: Admin): Promise<TopicDescription | undefined> => {
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
  };
  return untilKnown(() => ask(context, `describe topic ${topic}`, look));
}

/** Creates a topic and waits until it can be used; false when there is one already. Throws a LogUnavailableError. */
export function createTopic(context: KafkaContext, topic: NewTopic): Promise<boolean> {
  let created = false;
  return ask(context, `create topic ${topic.topic}`, async (admin) => {
    const isNew = await admin.createTopics({
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
    // Asked again after a failure it is there already.
    created ||= isNew;
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
  return offsetsAs(context, topic, context.newClient);
}

/** The same, with the end behind what is written and not decided yet as `high`. */
export function writtenOffsets(context: KafkaContext, topic: string): Promise<TopicOffsets | undefined> {
  return offsetsAs(context, topic, () => {
    const client = context.newClient();
    readUncommitted(client.kafka);
    return client;
  });
}

function offsetsAs(
  context: KafkaContext,
  topic: string,
  newClient: () => KafkaClient,
): Promise<TopicOffsets | undefined> {
  const attempt = `ask for the end of topic ${topic}`;
  return ask({ ...context, newClient }, attempt, async (admin) => {
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

/**
 * Asks for a topic, and again for a moment when it is unknown: a broker that has just started may not know yet what the others know.
 * Each look asks the next broker.
 */
export async function untilKnown<T>(look: () => Promise<T | undefined>): Promise<T | undefined> {
  const deadline = performance.now() + UNKNOWN_TOPIC_MS;
  for (;;) {
    const found = await look();
    if (found !== undefined || performance.now() > deadline) {
      return found;
    }
    await sleep(UNKNOWN_LOOK_MS);
  }
}

/**
 * Asks over a connection of its own, so that no question inherits the broken state of an earlier one. What may pass is asked again, at
 * another broker, as long as there is time.
 */
async function ask<T>(
  context: KafkaContext,
  attempt: string,
  question: (admin: Admin) => Promise<T>,
): Promise<T> {
  const deadline = performance.now() + context.operationTimeoutMs;
  let earlier: unknown;
  for (;;) {
    try {
      return await askOnce(context, deadline - performance.now(), question);
    } catch (error) {
      const again = performance.now() + AGAIN_MS < deadline;
      if (!again || describeKafkaFailure(error).type !== 'unavailable') {
        // That the rest of the time was too short for another answer tells less than what came before.
        const isMute = error instanceof DeadlineError && error.cause === undefined;
        throw unavailable(attempt, context.brokers, isMute ? (earlier ?? error) : error);
      }
      earlier = error;
    }
    await sleep(AGAIN_MS);
  }
}

async function askOnce<T>(
  context: KafkaContext,
  timeoutMs: number,
  question: (admin: Admin) => Promise<T>,
): Promise<T> {
  const client = context.newClient();
  const admin = client.kafka.admin();
  const answer = admin.connect().then(() => question(admin));
  try {
    return await withDeadline(answer, timeoutMs, () => client.sockets.lastFailure);
  } catch (error) {
    client.sockets.abandon(asError(error));
    throw error;
  } finally {
    // After the answer, however late: a client that is disconnected while it connects stays connected.
    disconnectLater(context, client, admin, answer);
  }
}
