import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { describe, test } from 'node:test';
import { startKafka, temporaryFolder } from '@slotcast/testkit';
import { Kafka, logLevel } from 'kafkajs';

async function listTopics(bootstrapServers: string): Promise<readonly string[]> {
  const admin = new Kafka({
    brokers: [bootstrapServers],
    logLevel: logLevel.NOTHING,
    retry: { retries: 1 },
  }).admin();
  await admin.connect();
  try {
    return await admin.listTopics();
  } finally {
    await admin.disconnect();
  }
}

async function createTopic(bootstrapServers: string, topic: string): Promise<void> {
  const admin = new Kafka({
    brokers: [bootstrapServers],
    logLevel: logLevel.NOTHING,
    retry: { retries: 1 },
  }).admin();
  await admin.connect();
  try {
    await admin.createTopics({ topics: [{ topic, numPartitions: 1, replicationFactor: 1 }] });
  } finally {
    await admin.disconnect();
  }
}

describe('a local Kafka', () => {
  test('keeps port and data over a kill and a stop, and leaves nothing behind', {
    timeout: 180_000,
  }, async () => {
    await using kafka = await startKafka();
    await createTopic(kafka.bootstrapServers, 'kept');
    await kafka.kill();
    assert.equal(kafka.isRunning, false);
    await assert.rejects(listTopics(kafka.bootstrapServers));

    await kafka.start();
    assert.deepEqual(await listTopics(kafka.bootstrapServers), ['kept']);
    await kafka.stop();
    assert.equal(kafka.isRunning, false);

    await kafka.start();
    assert.deepEqual(await listTopics(kafka.bootstrapServers), ['kept']);
    await kafka[Symbol.asyncDispose]();
    assert.equal(kafka.isRunning, false);
  });

  test('keeps its data in the folder that was asked for, with the settings that were asked for', {
    timeout: 180_000,
  }, async () => {
    const dataDir = await temporaryFolder('kafka-data');
    await using kafka = await startKafka({ dataDir, settings: { 'num.partitions': '3' } });
    const admin = new Kafka({
      brokers: [kafka.bootstrapServers],
      logLevel: logLevel.NOTHING,
      retry: { retries: 1 },
    }).admin();
    await admin.connect();
    try {
      await admin.createTopics({ topics: [{ topic: 'wide', numPartitions: -1 }] });
      const { topics } = await admin.fetchTopicMetadata({ topics: ['wide'] });
      assert.equal(topics[0]?.partitions.length, 3);
    } finally {
      await admin.disconnect();
    }
    await kafka[Symbol.asyncDispose]();
    assert.ok(existsSync(`${dataDir}/meta.properties`));
  });
});
