/** What Kafka or kafkajs said about a failure, with the remedy for it. */
export interface KafkaFailure {
  readonly type: KafkaFailureType;
  /** Kafka's own words, with its error code where there is one. */
  readonly text: string;
  readonly remedy: string;
}

export type KafkaFailureType = 'fenced' | 'refused' | 'unknown_topic' | 'out_of_range' | 'unavailable';

interface Row {
  readonly matches: RegExp;
  readonly type: KafkaFailureType;
  readonly remedy: string;
}

/** By error type of the Kafka protocol or name of the kafkajs error; the first row that matches counts. */
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
    remedy: 'grant READ on consumer groups that begin with the client id',
  },
  {
    matches: /^TRANSACTIONAL_ID_AUTHORIZATION_FAILED$/,
    type: 'refused',
    remedy: 'grant WRITE and DESCRIBE on the transactional id',
  },
  {
    matches: /^TOPIC_AUTHORIZATION_FAILED$/,
    type: 'refused',
    remedy: 'grant READ, WRITE, DESCRIBE and DESCRIBE_CONFIGS on the topic',
  },
  {
    matches: /^CLUSTER_AUTHORIZATION_FAILED$/,
    type: 'refused',
    remedy: 'grant CREATE on the topic, or let an administrator create it',
  },
  {
    matches: /^(UNKNOWN_TOPIC_OR_PARTITION|KafkaJSMetadataNotLoaded|KafkaJSTopicMetadataNotLoaded)$/,
    type: 'unknown_topic',
    remedy: 'create the topic with "slotcast topic create"',
  },
  {
    matches: /^(OFFSET_OUT_OF_RANGE|KafkaJSOffsetOutOfRange)$/,
    type: 'out_of_range',
    remedy: 'find out who deleted, recreated or truncated the topic',
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
    matches: /^(INVALID_TOPIC_EXCEPTION|INVALID_CONFIG|POLICY_VIOLATION)$/,
    type: 'unavailable',
    remedy: "check the topic's name and settings against what these brokers allow",
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
];

const UNAVAILABLE_REMEDY =
  'check that the brokers run, can be reached from here and speak what KAFKA_SECURITY_PROTOCOL says';

/** Classifies an error of kafkajs by the innermost cause that the table knows. */
export function describeKafkaFailure(error: unknown): KafkaFailure {
  const chain = causesOf(error);
  for (const cause of chain) {
    const row = rows.find(({ matches }) => labelsOf(cause).some((label) => matches.test(label)));
    if (row !== undefined) {
      return { type: row.type, text: textOf(cause), remedy: row.remedy };
    }
  }
  return { type: 'unavailable', text: textOf(chain[0]), remedy: UNAVAILABLE_REMEDY };
}

/** One sentence for people: what was tried, on what, what Kafka said, what to do. */
export function failureMessage(attempt: string, brokers: readonly string[], error: unknown): string {
  const { text, remedy } = describeKafkaFailure(error);
  return `could not ${attempt} at ${brokers.join(',')}: ${text}; ${remedy}`;
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
  return detail.length === 0 ? error.message : `${error.message} (${detail.join(', ')})`;
}
