import { type EventLog, requiredTopicConfig, type TopicNames } from '@slotcast/event-log';
import { waitUntil } from '@slotcast/testkit';
import kafkajs from 'kafkajs';

/** Creates both topics of a cluster, with these differences from what slotcast asks for. */
export async function createTopics(
  log: EventLog,
  names: TopicNames,
  differences: { readonly partitions?: number; readonly config?: Readonly<Record<string, string>> } = {},
): Promise<void> {
  const { partitions = 1, config = {} } = differences;
  for (const topic of [names.slots, names.nodes]) {
    await log.createTopic({
      topic,
      partitions,
      replicationFactor: 1,
      config: new Map([...requiredTopicConfig({ brokers: 1 }), ...Object.entries(config)]),
    });
  }
}

/** Deletes a topic and makes it again at once, empty, as somebody who wants to start afresh does. */
export async function recreateTopic(log: EventLog, bootstrapServers: string, topic: string): Promise<void> {
  const client = new kafkajs.Kafka({ brokers: [bootstrapServers], logLevel: kafkajs.logLevel.NOTHING });
  const admin = client.admin();
  await admin.connect();
  try {
    await admin.deleteTopics({ topics: [topic] });
    const config = requiredTopicConfig({ brokers: 1 });
    // The name is free for a new topic only when the deletion has come through.
    await waitUntil(() => log.createTopic({ topic, partitions: 1, replicationFactor: 1, config }), {
      describe: `topic ${topic} to be created again`,
    });
  } finally {
    await admin.disconnect();
  }
}
