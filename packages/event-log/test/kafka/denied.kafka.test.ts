import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import {
  describeKafkaFailure,
  type EventLog,
  type KafkaFailureType,
  LogUnavailableError,
  OutcomeUnknownError,
} from '@slotcast/event-log';
import { freePort, type KafkaServer, startKafka, waitUntil } from '@slotcast/testkit';
import kafkajs from 'kafkajs';
import { createTopic, readAll, record, shown } from '../contract-context.ts';
import { connectTo, withAdmin } from './harness.ts';

const { AclResourceTypes, AclOperationTypes, AclPermissionTypes, ResourcePatternTypes } = kafkajs;
const USER = 'app';
const TOPIC = 'orders.slots';
const CLIENT = 'client';
const WRITER = 'writer.1';
const timeout = 180_000;

type Resource = 'TOPIC' | 'GROUP' | 'TRANSACTIONAL_ID';
type Operation = 'READ' | 'WRITE' | 'DESCRIBE' | 'DESCRIBE_CONFIGS' | 'CREATE' | 'DELETE';

/** What a call failed with, for the table of the tests. */
async function failureOf(call: Promise<unknown>) {
  try {
    await call;
  } catch (error) {
    assert.ok(error instanceof LogUnavailableError || error instanceof OutcomeUnknownError, String(error));
    return describeKafkaFailure(error);
  }
  return assert.fail('it did not fail');
}

async function expectFailure(
  call: Promise<unknown>,
  type: KafkaFailureType,
  text: RegExp,
  remedy: RegExp,
): Promise<void> {
  const failure = await failureOf(call);
  assert.equal(failure.type, type);
  assert.match(failure.text, text);
  assert.match(failure.remedy, remedy);
}

describe('brokers that check who asks', { timeout: 180_000 }, () => {
  let kafka: KafkaServer;
  let log: EventLog;
  let ports: Readonly<Record<'broker' | 'controller' | 'sasl' | 'ipv6', number>>;

  function connect(username: string, password: string, mechanism: 'plain' | 'scram-sha-256' = 'plain') {
    const sasl =
      mechanism === 'plain' ? { mechanism, username, password } : { mechanism, username, password };
    return connectTo(`127.0.0.1:${ports.sasl}`, { clientId: CLIENT, operationTimeoutMs: 5_000, sasl });
  }

  /** Grants, and waits until the broker knows of it. */
  async function grant(type: Resource, resourceName: string, ...operations: Operation[]): Promise<void> {
    const resourceType = AclResourceTypes[type];
    await withAdmin(kafka.bootstrapServers, async (admin) => {
      const acl = operations.map((operation) => ({
        resourceType,
        resourceName,
        resourcePatternType: ResourcePatternTypes.PREFIXED,
        principal: `User:${USER}`,
        host: '*',
        operation: AclOperationTypes[operation],
        permissionType: AclPermissionTypes.ALLOW,
      }));
      await admin.createAcls({ acl });
      await waitUntil(
        async () => {
          const { resources } = await admin.describeAcls({
            resourceType,
            resourceName,
            resourcePatternType: ResourcePatternTypes.PREFIXED,
            operation: AclOperationTypes.ANY,
            permissionType: AclPermissionTypes.ANY,
          });
          const known = resources.flatMap(({ acls }) => acls.map(({ operation }) => operation));
          return acl.every(({ operation }) => known.includes(operation));
        },
        { describe: `the permissions on ${type} ${resourceName}` },
      );
    });
  }

  before(async () => {
    ports = {
      broker: await freePort(),
      controller: await freePort(),
      sasl: await freePort(),
      ipv6: await freePort(),
    };
    const listeners = `PLAINTEXT://127.0.0.1:${ports.broker},SASL://127.0.0.1:${ports.sasl},IPV6://[::1]:${ports.ipv6}`;
    kafka = await startKafka({
      ports,
      settings: {
        listeners: `${listeners},CONTROLLER://127.0.0.1:${ports.controller}`,
        'advertised.listeners': listeners,
        'listener.security.protocol.map':
          'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL:SASL_PLAINTEXT,IPV6:PLAINTEXT',
        'sasl.enabled.mechanisms': 'PLAIN',
        'listener.name.sasl.plain.sasl.jaas.config': `org.apache.kafka.common.security.plain.PlainLoginModule required user_${USER}="secret";`,
        'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
        'super.users': 'User:ANONYMOUS',
      },
    });
    log = connect(USER, 'secret');
  });

  after(async () => {
    await log?.close();
    await kafka?.[Symbol.asyncDispose]();
  });

  test('name a wrong password, a wrong mechanism, and a listener that wants one', { timeout }, async () => {
    const password = /KAFKA_SASL_PASSWORD/;
    const [wrong, other] = [connect(USER, 'wrong'), connect(USER, 'secret', 'scram-sha-256')];
    await expectFailure(wrong.clusterId(), 'refused', /Invalid username or password/, password);
    await expectFailure(wrong.claim(WRITER), 'refused', /Invalid username or password/, password);
    await expectFailure(other.clusterId(), 'refused', /SASL mechanism/, password);
    const none = connectTo(`127.0.0.1:${ports.sasl}`, { operationTimeoutMs: 1_000 });
    await expectFailure(
      none.clusterId(),
      'unavailable',
      /127\.0\.0\.1:\d+: Closed connection/,
      /KAFKA_SECURITY_PROTOCOL/,
    );
    await Promise.all([wrong.close(), other.close(), none.close()]);
  });

  test('are told by what is missing, until nothing is', { timeout }, async () => {
    const onTopic = /Create where "slotcast topic create" runs/;
    const config = new Map([['cleanup.policy', 'compact']]);
    const wanted = { topic: TOPIC, partitions: 1, replicationFactor: 1, config };
    await expectFailure(log.createTopic(wanted), 'refused', /TOPIC_AUTHORIZATION/, onTopic);
    await expectFailure(log.describeTopic(TOPIC), 'refused', /TOPIC_AUTHORIZATION/, onTopic);
    await expectFailure(log.claim(WRITER), 'refused', /TRANSACTIONAL_ID_AUTH/, /transactional ids/);
    await grant('TOPIC', 'orders.', 'CREATE', 'DESCRIBE');
    await grant('TRANSACTIONAL_ID', 'writer.', 'DESCRIBE');
    assert.equal(await log.createTopic(wanted), true);
    await expectFailure(log.describeTopic(TOPIC), 'refused', /TOPIC_AUTHORIZATION/, /DescribeConfigs/);
    await expectFailure(log.claim(WRITER), 'refused', /TRANSACTIONAL_ID_AUTH/, /Write and Describe/);
    const next = async (): Promise<unknown> =>
      (await log.read(TOPIC, 'beginning')).next(AbortSignal.timeout(20_000));
    await expectFailure(next(), 'refused', /GROUP_AUTHORIZATION/, /groups.*KAFKA_CLIENT_ID/);
    await grant('GROUP', CLIENT, 'READ', 'DESCRIBE', 'DELETE');
    await expectFailure(next(), 'refused', /TOPIC_AUTHORIZATION/, /Read, Write/);
    await grant('TRANSACTIONAL_ID', 'writer.', 'WRITE');
    await grant('TOPIC', 'orders.', 'READ', 'DESCRIBE_CONFIGS');
    const writer = await log.claim(WRITER);
    const append = writer.append([record(TOPIC, 'a', '1')]);
    await expectFailure(append, 'refused', /TOPIC_AUTHORIZATION/, /Read, Write/);
    await grant('TOPIC', 'orders.', 'WRITE');
    await (await log.claim(WRITER)).append([record(TOPIC, 'a', '2')]);
    const reader = await log.read(TOPIC, 'beginning');
    assert.deepEqual(shown(await readAll(log, reader, TOPIC)), ['a=2']);
    assert.equal((await log.describeTopic(TOPIC))?.config.get('cleanup.policy'), 'compact');
    await reader.close();
  });

  test('are reached at an IPv6 address that they advertise', { timeout }, async () => {
    const other = connectTo(`[::1]:${ports.ipv6}`);
    const topic = await createTopic(other, 'ipv6');
    await (await other.claim('writer.6')).append([record(topic, 'a', '1')]);
    const reader = await other.read(topic, 'beginning');
    assert.deepEqual(shown(await readAll(other, reader, topic)), ['a=1']);
    await other.close();
  });

  test('say which setting of a topic they do not take', { timeout }, async () => {
    const own = connectTo(kafka.bootstrapServers);
    const create = (setting: string, value: string): Promise<unknown> =>
      own.createTopic({
        topic: 'refused',
        partitions: 1,
        replicationFactor: 1,
        config: new Map([[setting, value]]),
      });
    const without = /topic create --without/;
    await expectFailure(create('segment.bytes', '1'), 'unsuitable', /segment\.bytes/, without);
    await expectFailure(create('no.such.setting', '1'), 'unsuitable', /no\.such\.setting/, without);
    await own.close();
  });
});
