import { type Config, kafkaOptions } from '@slotcast/config';
import { createKafkaLog, type EventLog, type KafkaLogger } from '@slotcast/event-log';
import { explainLogError } from '@slotcast/node';

/** A person waits for the answer. */
const OPERATION_TIMEOUT_MS = 6_000;

/** Connects for one command and closes afterwards. Errors of Kafka come out with their slotcast code. */
export async function withEventLog<T>(config: Config, use: (log: EventLog) => Promise<T>): Promise<T> {
  const log = createKafkaLog({
    ...kafkaOptions(config),
    logger: talk,
    operationTimeoutMs: OPERATION_TIMEOUT_MS,
  });
  try {
    return await use(log);
  } catch (error) {
    throw explainLogError(error);
  } finally {
    await log.close();
  }
}

const talk: KafkaLogger = (level, message, fields) => {
  if (level === 'warn' || level === 'error') {
    process.stderr.write(`slotcast: ${message} ${JSON.stringify(fields)}\n`);
  }
};
