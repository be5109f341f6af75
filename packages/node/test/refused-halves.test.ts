import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadConfig } from '@slotcast/config';
import { MemoryLog } from '@slotcast/event-log';
import { createConsumer } from '@slotcast/following';
import { SlotcastError } from '@slotcast/kernel';
import { composeNode, followingOptions, type NodeContext, publishingOptions } from '@slotcast/node';
import { createConsumerMetrics, createLogger, createPublisherMetrics } from '@slotcast/observability';
import { createPublisher } from '@slotcast/publishing';

const options = { timeout: 5000 };
const refusal = new SlotcastError('SC_TOPIC_PARTITIONS', 'the topic has two partitions');

/** A node whose topics are refused at once. */
function refusedNode(): NodeContext {
  const env = {
    SLOTCAST_CLUSTER: 'orders',
    SLOTCAST_NODE: 'db1',
    SLOTCAST_POSTGRES_URL: 'postgres://localhost:1/postgres',
    KAFKA_BOOTSTRAP_SERVERS: 'localhost:1',
  };
  const config = loadConfig({ service: 'node', env });
  const logger = createLogger({ level: 'silent', fields: {} });
  const context = composeNode(config, { version: '1.0.0', logger, log: new MemoryLog() });
  return { ...context, verifyTopics: () => Promise.reject(refusal) };
}

test('a consumer that is refused does not go on to show how its slots stood', options, async () => {
  const context = refusedNode();
  const metrics = createConsumerMetrics(context);
  const consumer = createConsumer(followingOptions(context, metrics));
  metrics.topicAlarm.set(0);
  await assert.rejects(consumer.run(new AbortController().signal), refusal);
  assert.deepEqual((await metrics.topicAlarm.get()).values, []);
  assert.deepEqual(consumer.health.checks(), [{ name: 'consumer', ok: false, detail: refusal.message }]);
});

test('a publisher that is refused does not go on to show that it publishes', options, async () => {
  const context = refusedNode();
  const metrics = createPublisherMetrics(context);
  const publisher = createPublisher(publishingOptions(context, metrics));
  metrics.isPublishing.set(1);
  await assert.rejects(publisher.run(new AbortController().signal), refusal);
  assert.deepEqual((await metrics.isPublishing.get()).values, [{ labels: {}, value: 0 }]);
  assert.deepEqual(publisher.health.checks(), [{ name: 'publisher', ok: false, detail: refusal.message }]);
});
