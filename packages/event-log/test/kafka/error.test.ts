import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { describeKafkaFailure } from '@slotcast/event-log';

const TIMEOUT = { timeout: 5_000 };

/** An error as kafkajs makes it from an error code of the protocol. */
function protocolError(type: string, code: number): Error {
  return Object.assign(new Error(`Kafka says ${type}`), { name: 'KafkaJSProtocolError', type, code });
}

describe('a failure of Kafka', () => {
  const cases: readonly (readonly [string, Error, string, RegExp])[] = [
    ['an old producer epoch', protocolError('INVALID_PRODUCER_EPOCH', 47), 'fenced', /primary/],
    ['a fenced producer', protocolError('UNKNOWN', 90), 'fenced', /primary/],
    ['a missing topic', protocolError('UNKNOWN_TOPIC_OR_PARTITION', 3), 'unknown_topic', /topic create/],
    ['an offset that is gone', protocolError('OFFSET_OUT_OF_RANGE', 1), 'out_of_range', /recreated/],
    [
      'a topic without permission',
      protocolError('TOPIC_AUTHORIZATION_FAILED', 29),
      'refused',
      /on the topic/,
    ],
    ['a group without permission', protocolError('GROUP_AUTHORIZATION_FAILED', 30), 'refused', /groups/],
    [
      'a wrong password',
      Object.assign(new Error('no'), { name: 'KafkaJSSASLAuthenticationError' }),
      'refused',
      /KAFKA_SASL_PASSWORD/,
    ],
    [
      'a bad certificate',
      Object.assign(new Error('no'), { code: 'SELF_SIGNED_CERT_IN_CHAIN' }),
      'unavailable',
      /KAFKA_SSL_/,
    ],
    [
      'too few replicas',
      protocolError('NOT_ENOUGH_REPLICAS', 19),
      'unavailable',
      /^bring the missing brokers back$/,
    ],
    ['a policy', protocolError('POLICY_VIOLATION', 44), 'unsuitable', /--without <setting>/],
    ['a name that is taken', protocolError('INVALID_TOPIC_EXCEPTION', 17), 'unsuitable', /SLOTCAST_CLUSTER/],
    [
      'a host that nobody knows',
      Object.assign(new Error('no'), { code: 'ENOTFOUND' }),
      'unavailable',
      /names of hosts/,
    ],
    [
      'a refused connection',
      Object.assign(new Error('no'), { code: 'ECONNREFUSED' }),
      'unavailable',
      /brokers run/,
    ],
  ];
  for (const [title, error, type, remedy] of cases) {
    test(`is classified by its code and gets a remedy: ${title}`, TIMEOUT, () => {
      const failure = describeKafkaFailure(error);
      assert.equal(failure.type, type);
      assert.match(failure.remedy, remedy);
    });
  }

  test('is found under the errors that kafkajs wraps around it', TIMEOUT, () => {
    const cause = protocolError('INVALID_PRODUCER_EPOCH', 47);
    const wrapped = new Error('gave up', { cause: new Error('retries exceeded', { cause }) });
    assert.equal(describeKafkaFailure(wrapped).type, 'fenced');
    assert.equal(
      describeKafkaFailure(Object.assign(new Error('several'), { errors: [cause] })).type,
      'fenced',
    );
  });

  test("is told in Kafka's words, with its code", TIMEOUT, () => {
    const { text } = describeKafkaFailure(protocolError('NOT_ENOUGH_REPLICAS', 19));
    assert.equal(text, 'Kafka says NOT_ENOUGH_REPLICAS (NOT_ENOUGH_REPLICAS, 19)');
  });
});
