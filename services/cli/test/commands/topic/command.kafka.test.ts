import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { createKafkaLog, requiredTopicConfig } from '@slotcast/event-log';
import { sharedKafka, uniqueTopicPrefix } from '@slotcast/testkit';
import { runCli } from '../../run-cli.ts';

describe('slotcast topic', { timeout: 180_000 }, () => {
  let brokers = '';
  before(async () => {
    brokers = await sharedKafka();
  });

  function settingsFor(prefix: string): Record<string, string> {
    return { SLOTCAST_CLUSTER: 'orders', SLOTCAST_TOPIC_PREFIX: prefix, KAFKA_BOOTSTRAP_SERVERS: brokers };
  }

  async function makeTopic(topic: string, change: { partitions?: number; config?: Record<string, string> }) {
    const log = createKafkaLog({ brokers: [brokers], clientId: 'test', logger: () => undefined });
    const config = new Map([...requiredTopicConfig({ brokers: 1 }), ...Object.entries(change.config ?? {})]);
    await log.createTopic({ topic, partitions: change.partitions ?? 1, replicationFactor: 1, config });
    await log.close();
  }

  test('create makes both topics, a second time changes nothing, and check finds them in order', async () => {
    const env = settingsFor(uniqueTopicPrefix());
    const prefix = env['SLOTCAST_TOPIC_PREFIX'];
    const first = await runCli(['topic', 'create'], { env });
    assert.equal(first.code, 0, first.stderr);
    assert.equal(first.stdout, `${prefix}.orders.slots: created\n${prefix}.orders.nodes: created\n`);
    const again = await runCli(['topic', 'create'], { env });
    assert.equal(again.code, 0, again.stderr);
    assert.equal(again.stdout, `${prefix}.orders.slots: ok\n${prefix}.orders.nodes: ok\n`);
    const check = await runCli(['topic', 'check', '--output', 'json'], { env });
    assert.equal(check.code, 0, check.stderr);
    assert.deepEqual(JSON.parse(check.stdout), [
      { topic: `${prefix}.orders.slots`, created: false, findings: [] },
      { topic: `${prefix}.orders.nodes`, created: false, findings: [] },
    ]);
  });

  test('check answers 3 when a topic is missing, and says what to run', async () => {
    const env = settingsFor(uniqueTopicPrefix());
    const { code, stdout } = await runCli(['topic', 'check'], { env });
    assert.equal(code, 3);
    assert.match(stdout, /\.orders\.slots: not usable\n {2}fatal: .*slotcast topic create/);
    assert.match(stdout, /\.orders\.nodes: not usable/);
  });

  test('check answers 3 to several partitions and to deletion by age, and create does not hide it', async () => {
    const prefix = uniqueTopicPrefix();
    const env = settingsFor(prefix);
    await makeTopic(`${prefix}.orders.slots`, { partitions: 2 });
    await makeTopic(`${prefix}.orders.nodes`, { config: { 'cleanup.policy': 'delete' } });
    const check = await runCli(['topic', 'check'], { env });
    assert.equal(check.code, 3);
    assert.match(check.stdout, /slots: not usable\n {2}fatal: .*2 partitions/);
    assert.match(check.stdout, /nodes: not usable\n {2}fatal: .*cleanup\.policy=delete/);
    assert.equal((await runCli(['topic', 'create'], { env })).code, 3);
  });

  test('check names differences that lose nothing and answers 0', async () => {
    const prefix = uniqueTopicPrefix();
    const env = settingsFor(prefix);
    await makeTopic(`${prefix}.orders.slots`, { config: { 'segment.ms': '60000' } });
    await makeTopic(`${prefix}.orders.nodes`, {});
    const { code, stdout } = await runCli(['topic', 'check'], { env });
    assert.equal(code, 0);
    assert.match(stdout, /slots: usable, with differences\n {2}warning: .*segment\.ms=60000/);
  });

  test('create leaves settings to the brokers that it is told to leave out, and warns of them', async () => {
    const env = settingsFor(uniqueTopicPrefix());
    const without = ['--without', 'segment.bytes', '--without', 'max.compaction.lag.ms'];
    const { code, stdout, stderr } = await runCli(['topic', 'create', ...without], { env });
    assert.equal(code, 0, stderr);
    assert.match(
      stdout,
      /slots: created\n {2}warning: .*max\.compaction\.lag\.ms=.*\n {2}warning: .*segment\.bytes=1073741824/,
    );
    const refused = await runCli(['topic', 'create', '--without', 'cleanup.policy'], { env });
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, /cleanup\.policy.*\n.*segment\.bytes/);
  });

  test('create names the topic with which a name collides, and exits 78', async () => {
    const prefix = uniqueTopicPrefix();
    await makeTopic(`${prefix.replaceAll('_', '.')}.orders.slots`, {});
    const { code, stderr } = await runCli(['topic', 'create'], { env: settingsFor(prefix) });
    assert.equal(code, 78);
    assert.match(stderr, /collides with existing topic.*\n.*SLOTCAST_TOPIC_PREFIX.*\[SC_TOPIC_REFUSED\]/);
  });
});
