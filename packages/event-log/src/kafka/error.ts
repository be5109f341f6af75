import { LogUnavailableError } from '../log-error.ts';
import { DeadlineError } from './with-deadline.ts';

/** What Kafka or kafkajs said about a failure, with the remedy for it. */
export interface KafkaFailure {
  readonly type: KafkaFailureType;
  /** Kafka's own words, with its error code where there is one. */
  readonly text: string;
  readonly remedy: string;
}

/** `refused` and `unsuitable` need a person: a permission, a password; another name or setting of a topic. */
export type KafkaFailureType =
  | 'fenced'
  | 'refused'
  | 'unsuitable'
  | 'unknown_topic'
  | 'out_of_range'
  | 'unavailable';

interface Row {
  readonly matches: RegExp;
  readonly type: KafkaFailureType;
  readonly remedy: string;
}

/** There is no topic of the name, as far as the brokers know. */
export class UnknownTopicError extends Error {
  override readonly name = 'UnknownTopicError';
}

/** A transaction of another writer does not end. */
export class HeldBackError extends Error {
  override readonly name = 'HeldBackError';
}

/** By error type of the Kafka protocol, code of the system, or name of the error; the first row that matches counts. */
const rows: readonly Row[] = [
  {
    matches: /^(INVALID_PRODUCER_EPOCH|PRODUCER_FENCED|47|90)$/,
    type: 'fenced',
    remedy: 'find out which server is the primary before claiming again',
  },
  {
    matches: /SASL|AUTHENTICATION/i,
    type: 'refused',
    remedy:
      'check KAFKA_SECURITY_PROTOCOL, KAFKA_SASL_MECHANISM, KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD',
  },
  {
    matches: /^GROUP_AUTHORIZATION_FAILED$/,
    type: 'refused',
    remedy:
      'grant this user Read, Describe and Delete on the consumer groups whose names begin with KAFKA_CLIENT_ID',
  },
  {
    matches: /^TRANSACTIONAL_ID_AUTHORIZATION_FAILED$/,
    type: 'refused',
    remedy:
      'grant this user Write and Describe on the transactional ids that begin with "<SLOTCAST_TOPIC_PREFIX>.<SLOTCAST_CLUSTER>."',
  },
  {
    matches: /^TOPIC_AUTHORIZATION_FAILED$/,
    type: 'refused',
    remedy:
      'grant this user Read, Write, Describe and DescribeConfigs on the topic, and Create where "slotcast topic create" runs',
  },
  {
    matches: /^CLUSTER_AUTHORIZATION_FAILED$/,
    type: 'refused',
    remedy: 'grant this user Create on the topic, or let an administrator create it',
  },
  {
    matches:
      /^(UNKNOWN_TOPIC_OR_PARTITION|UnknownTopicError|KafkaJSMetadataNotLoaded|KafkaJSTopicMetadataNotLoaded)$/,
    type: 'unknown_topic',
    remedy: 'create the topic with "slotcast topic create"',
  },
  {
    matches: /^(OFFSET_OUT_OF_RANGE|KafkaJSOffsetOutOfRange)$/,
    type: 'out_of_range',
    remedy: 'find out who deleted, recreated or truncated the topic',
  },
  {
    matches: /^HeldBackError$/,
    type: 'unavailable',
    remedy:
      'find the writer whose transaction is open (kafka-transactions.sh find-hanging), and stop it or abort the transaction',
  },
  {
    matches: /^(MESSAGE_TOO_LARGE|RECORD_LIST_TOO_LARGE)$/,
    type: 'unavailable',
    remedy: 'raise max.message.bytes of the topic',
  },
  {
    matches: /^NOT_ENOUGH_REPLICAS/,
    type: 'unavailable',
    remedy: 'bring the missing brokers back',
  },
  {
    matches: /^(INVALID_CONFIG|POLICY_VIOLATION|44)$/,
    type: 'unsuitable',
    remedy:
      'leave a setting that these brokers do not take to their default with "slotcast topic create --without <setting>", or change their policy',
  },
  {
    matches: /^INVALID_TOPIC_EXCEPTION$/,
    type: 'unsuitable',
    remedy:
      'choose another SLOTCAST_CLUSTER or SLOTCAST_TOPIC_PREFIX on every node: for Kafka names that differ only in "." and "_" are the same',
  },
  {
    matches: /^(ERR_SSL|ERR_TLS|EPROTO|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|CERT_)/,
    type: 'unavailable',
    remedy: 'check KAFKA_SECURITY_PROTOCOL and the files of the KAFKA_SSL_ settings',
  },
  {
    matches: /^INVALID_REPLICATION_FACTOR$/,
    type: 'unavailable',
    remedy: 'ask for no more replicas than there are brokers',
  },
  {
    matches: /^(ENOTFOUND|EAI_AGAIN)$/,
    type: 'unavailable',
    remedy: 'check the names of hosts in KAFKA_BOOTSTRAP_SERVERS and in advertised.listeners of the brokers',
  },
  {
    matches: /^ECONNREFUSED$/,
    type: 'unavailable',
    remedy:
      'check that the brokers run, and that KAFKA_BOOTSTRAP_SERVERS and their advertised.listeners name them',
  },
  {
    matches: /^ETIMEDOUT$/,
    type: 'unavailable',
    remedy: 'look at the broker that does not answer, and at firewalls in between',
  },
  {
    matches: /^(ECONNRESET|KafkaJSConnectionClosedError)$/,
    type: 'unavailable',
    remedy: 'check that the brokers run, and that KAFKA_SECURITY_PROTOCOL says what their listener speaks',
  },
];

const UNAVAILABLE_REMEDY =
  'check that the brokers run, can be reached from here and speak what KAFKA_SECURITY_PROTOCOL says';

/** Classifies an error of kafkajs by the innermost cause that the table knows. */
export function describeKafkaFailure(error: unknown): KafkaFailure {
  const chain = causesOf(error);
  // What was going on when the time was over is no more than a hint, which is in the text.
  const late = chain.find((cause) => cause instanceof DeadlineError);
  for (const cause of chain) {
    const row = rows.find(({ matches }) => labelsOf(cause).some((label) => matches.test(label)));
    if (row !== undefined) {
      return { type: row.type, text: textOf(late ?? cause), remedy: row.remedy };
    }
  }
  return { type: 'unavailable', text: textOf(late ?? chain[0]), remedy: UNAVAILABLE_REMEDY };
}

/** For people: what was tried, on what, what Kafka said. */
export function failureMessage(attempt: string, brokers: readonly string[], error: unknown): string {
  return `could not ${attempt} at ${brokers.join(',')}: ${describeKafkaFailure(error).text}`;
}

/** The error of this package for a call that failed. What to do about it tells `describeKafkaFailure`. */
export function unavailable(
  attempt: string,
  brokers: readonly string[],
  error: unknown,
): LogUnavailableError {
  return new LogUnavailableError(failureMessage(attempt, brokers, error), { cause: error });
}

/** An error and everything that it was caused by, the innermost first. */
function causesOf(error: unknown): readonly unknown[] {
  const chain: unknown[] = [];
  const queue: unknown[] = [error];
  for (const current of queue) {
    if (current === undefined || current === null || chain.includes(current)) {
      continue;
    }
    chain.unshift(current);
    if (current instanceof Error) {
      const nested = 'errors' in current && Array.isArray(current.errors) ? current.errors : [];
      queue.push(current.cause, ...nested);
    }
  }
  return chain.length === 0 ? [error] : chain;
}

function labelsOf(error: unknown): readonly string[] {
  if (!(error instanceof Error)) {
    return [];
  }
  const labels = [error.name];
  if ('type' in error && typeof error.type === 'string') {
    labels.push(error.type);
  }
  if ('code' in error && (typeof error.code === 'number' || typeof error.code === 'string')) {
    labels.push(String(error.code));
  }
  return labels;
}

function textOf(error: unknown): string {
  if (!(error instanceof Error)) {
    return String(error);
  }
  const detail = labelsOf(error).slice(1);
  const broker = 'broker' in error && typeof error.broker === 'string' ? error.broker : '';
  const message = error.message.includes(broker) ? error.message : `${broker}: ${error.message}`;
  return detail.length === 0 ? message : `${message} (${detail.join(', ')})`;
}
