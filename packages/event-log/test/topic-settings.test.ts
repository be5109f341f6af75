import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  checkTopic,
  optionalTopicSettings,
  replicationFactor,
  requiredTopic,
  requiredTopicConfig,
  type TopicDescription,
  topicNames,
} from '@slotcast/event-log';

const TIMEOUT = { timeout: 5_000 };
const TOPIC = 'slotcast.orders.slots';

/** A topic as it is created, with some of it changed. */
function described(
  change: Partial<TopicDescription> = {},
  config: Record<string, string> = {},
): TopicDescription {
  const { partitions, replicationFactor, config: required } = requiredTopic(TOPIC);
  return {
    partitions,
    replicationFactor,
    config: new Map([...required, ...Object.entries(config)]),
    ...change,
  };
}

function replication(brokers: number): readonly unknown[] {
  return [replicationFactor({ brokers }), requiredTopicConfig({ brokers }).get('min.insync.replicas')];
}

describe('the topics of a cluster', () => {
  test('are named after prefix and cluster', TIMEOUT, () => {
    assert.deepEqual(topicNames('slotcast', 'orders'), {
      slots: 'slotcast.orders.slots',
      nodes: 'slotcast.orders.nodes',
    });
  });

  test('get no name that Kafka would refuse', TIMEOUT, () => {
    for (const [prefix, cluster] of [
      ['slotcast', ''],
      ['', 'orders'],
      ['slotcast', 'my orders'],
      ['slotcast', 'o'.repeat(240)],
    ] as const) {
      assert.throws(() => topicNames(prefix, cluster), RangeError);
    }
  });

  test('have three replicas of which two must answer, or what fewer brokers allow', TIMEOUT, () => {
    assert.deepEqual(replication(1), [1, '1']);
    assert.deepEqual(replication(2), [2, '1']);
    assert.deepEqual(replication(3), [3, '2']);
    assert.deepEqual(replication(7), [3, '2']);
  });

  test('keep every state for the history window', TIMEOUT, () => {
    assert.equal(requiredTopicConfig().get('min.compaction.lag.ms'), '3600000');
    assert.equal(requiredTopicConfig({ historyWindowMs: 5_000 }).get('min.compaction.lag.ms'), '5000');
  });
});

describe('a topic that is created without a setting', () => {
  test('has all others, and a check warns of the difference', TIMEOUT, () => {
    const topic = requiredTopic(TOPIC, {}, ['segment.bytes']);
    assert.deepEqual(
      new Set(requiredTopicConfig().keys()),
      new Set([...topic.config.keys(), 'segment.bytes']),
    );
    const findings = checkTopic(described({}, { 'segment.bytes': '1073741824' }), TOPIC);
    assert.deepEqual(
      findings.map(({ severity, setting }) => [severity, setting]),
      [['warning', 'segment.bytes']],
    );
  });

  test('has its cleanup.policy all the same', TIMEOUT, () => {
    assert.equal(optionalTopicSettings().includes('cleanup.policy'), false);
    assert.equal(requiredTopic(TOPIC, {}, ['cleanup.policy']).config.get('cleanup.policy'), 'compact');
  });
});

describe('the check of a topic', () => {
  test('finds nothing in a topic as slotcast creates it', TIMEOUT, () => {
    assert.deepEqual(checkTopic(described(), TOPIC), []);
  });

  test('accepts more history, longer tombstones and more in-sync replicas than required', TIMEOUT, () => {
    const config = {
      'min.compaction.lag.ms': '7200000',
      'delete.retention.ms': '1209600000',
      'min.insync.replicas': '3',
    };
    assert.deepEqual(checkTopic(described({ replicationFactor: 5 }, config), TOPIC), []);
  });

  const fatal: readonly (readonly [string, TopicDescription | undefined, RegExp])[] = [
    ['is missing', undefined, /slotcast topic create/],
    ['has several partitions', described({ partitions: 3 }), /3 partitions.*kafka-topics\.sh.*--delete/],
    [
      'deletes by age',
      described({}, { 'cleanup.policy': 'delete' }),
      /kafka-configs\.sh.*cleanup\.policy=compact/,
    ],
    ['also deletes by age', described({}, { 'cleanup.policy': 'compact,delete' }), /must be compact/],
  ];
  for (const [title, description, message] of fatal) {
    test(`is fatal when the topic ${title}`, TIMEOUT, () => {
      const findings = checkTopic(description, TOPIC);
      assert.deepEqual(
        findings.map(({ severity, topic }) => [severity, topic]),
        [['fatal', TOPIC]],
      );
      assert.match(findings[0]?.message ?? '', message);
    });
  }

  test('warns of every other setting that differs, with the command that fixes it', TIMEOUT, () => {
    const config = { 'delete.retention.ms': '1000', 'message.timestamp.type': 'CreateTime' };
    const findings = checkTopic(described({ replicationFactor: 1 }, config), TOPIC);
    assert.deepEqual(
      findings.map(({ severity, setting, actual, required }) => [severity, setting, actual, required]),
      [
        ['warning', 'replication.factor', '1', '3'],
        ['warning', 'delete.retention.ms', '1000', '604800000'],
        ['warning', 'message.timestamp.type', 'CreateTime', 'LogAppendTime'],
      ],
    );
    assert.ok(findings.every(({ message }) => message.includes('--bootstrap-server <broker>')));
  });

  test('does not ask for more replicas than there are brokers', TIMEOUT, () => {
    const description = described({ replicationFactor: 1 }, { 'min.insync.replicas': '1' });
    assert.deepEqual(checkTopic(description, TOPIC, { brokers: 1 }), []);
  });
});
