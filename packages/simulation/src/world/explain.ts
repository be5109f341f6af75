import { LogUnavailableError, OutcomeUnknownError, TopicRecreatedError } from '@slotcast/event-log';
import { SlotcastError } from '@slotcast/kernel';
import { classifyPostgresError, describePostgresError, isPostgresError } from '@slotcast/postgres';

/** Gives the errors of servers and log a code, as the command line does for its services: whether a restart would help, and whether they are known. */
export function explainError(error: unknown): unknown {
  if (error instanceof TopicRecreatedError) {
    return new SlotcastError('SC_TOPIC_RECREATED', error.message, { cause: error });
  }
  if (error instanceof LogUnavailableError || error instanceof OutcomeUnknownError) {
    return new SlotcastError('SC_KAFKA_UNREACHABLE', error.message, { mayPass: true, cause: error });
  }
  if (!isPostgresError(error)) {
    return error;
  }
  const { class: kind, mayPass } = classifyPostgresError(error);
  if (kind === 'unexpected') {
    return error;
  }
  const code = kind === 'fatal' ? 'SC_POSTGRES_DENIED' : 'SC_POSTGRES_FAILED';
  return new SlotcastError(code, describePostgresError(error), { mayPass, cause: error });
}
