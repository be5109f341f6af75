import {
  describeKafkaFailure,
  type KafkaFailureType,
  LogUnavailableError,
  OutcomeUnknownError,
  TopicRecreatedError,
} from '@slotcast/event-log';
import { SchemaRegistryError } from '@slotcast/event-schema';
import { type ErrorCode, SlotcastError } from '@slotcast/kernel';
import {
  ConnectionSettingsError,
  classifyPostgresError,
  describePostgresError,
  isPoolerError,
  isPostgresError,
  PostgresConnectionError,
} from '@slotcast/postgres';

/** Gives errors of Kafka and PostgreSQL their slotcast code, so that it is plain whether a restart helps. */
export function explainError(error: unknown): unknown {
  if (error instanceof ConnectionSettingsError) {
    const remedy = 'Correct the URL or the variable, or put the file there.';
    return new SlotcastError('SC_CONFIG_INVALID', error.message, { remedy, mayPass: true, cause: error });
  }
  return isPostgresError(error) ? explainPostgresError(error) : explainLogError(error);
}

/** Gives errors of Kafka and of the schema registry their slotcast code; others come back as they are. */
export function explainLogError(error: unknown): unknown {
  if (error instanceof TopicRecreatedError) {
    return new SlotcastError('SC_TOPIC_RECREATED', error.message, { cause: error });
  }
  if (error instanceof LogUnavailableError || error instanceof OutcomeUnknownError) {
    return explainKafkaError(error);
  }
  if (error instanceof SchemaRegistryError) {
    return new SlotcastError('SC_REGISTRY_FAILED', error.message, { cause: error });
  }
  return error;
}

/** The others are failures of Kafka that pass by themselves, or with its administrator. */
const kafkaCodes: ReadonlyMap<KafkaFailureType, ErrorCode> = new Map([
  ['refused', 'SC_KAFKA_DENIED'],
  ['unsuitable', 'SC_TOPIC_REFUSED'],
  ['unknown_topic', 'SC_TOPIC_MISSING'],
]);

/** A permission or a password is set in a moment, and a broker that has just started does not know all topics. */
function explainKafkaError(error: Error): SlotcastError {
  const { type, remedy } = describeKafkaFailure(error);
  const code = kafkaCodes.get(type) ?? 'SC_KAFKA_UNREACHABLE';
  const sentence = `${remedy.charAt(0).toUpperCase()}${remedy.slice(1)}.`;
  return new SlotcastError(code, error.message, { remedy: sentence, mayPass: true, cause: error });
}

function explainPostgresError(error: unknown): SlotcastError {
  const { class: kind, code, remedy, mayPass } = classifyPostgresError(error);
  const options = { remedy, mayPass, cause: error };
  const message = describePostgresError(error);
  if (kind === 'fatal') {
    return new SlotcastError(fatalCode(error, code), message, options);
  }
  const unreachable = error instanceof PostgresConnectionError;
  return new SlotcastError(unreachable ? 'SC_POSTGRES_UNREACHABLE' : 'SC_POSTGRES_FAILED', message, options);
}

/** SQLSTATEs: 42501 insufficient_privilege; 55000 is fatal only as the server's complaint about wal_level or slots switched off. */
function fatalCode(error: unknown, sqlState: string | undefined): ErrorCode {
  if (isPoolerError(error)) {
    return 'SC_POSTGRES_POOLED';
  }
  if (sqlState === '42501') {
    return 'SC_PRIVILEGE_MISSING';
  }
  return sqlState === '55000' ? 'SC_WAL_LEVEL' : 'SC_POSTGRES_DENIED';
}
