import { Kafka, type KafkaConfig, logLevel } from 'kafkajs';
import { applyKafkajsPatches } from './kafkajs-patches.ts';

export type KafkaLogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Takes a line of log: a constant message, with what varies as fields. */
export type KafkaLogger = (
  level: KafkaLogLevel,
  message: string,
  fields: Readonly<Record<string, unknown>>,
) => void;

export interface KafkaLogOptions {
  /** `host:port` each. */
  readonly brokers: readonly string[];
  /** Shown in the brokers' logs, and the beginning of the names of consumer groups. */
  readonly clientId: string;
  /** As kafkajs takes it: true, or the options of Node's `tls.connect`. */
  readonly ssl?: KafkaConfig['ssl'];
  /** As kafkajs takes it. */
  readonly sasl?: KafkaConfig['sasl'];
  readonly logger: KafkaLogger;
  /** For one connection attempt; 3 s by default. */
  readonly connectionTimeoutMs?: number;
  /** For `claim`, `append` and every question to the brokers, retries included; 12 s by default. */
  readonly operationTimeoutMs?: number;
  /** How long a reader goes on trying while the brokers are away; 10 min by default. */
  readonly readerDeadlineMs?: number;
}

/** The settings and the connection factory that all parts of the adapter share. */
export interface KafkaContext {
  readonly client: Kafka;
  readonly brokers: readonly string[];
  readonly clientId: string;
  readonly logger: KafkaLogger;
  readonly operationTimeoutMs: number;
  readonly readerDeadlineMs: number;
  /** By topic, the end that this process itself has committed; see `endOffset`. */
  readonly committedEnds: Map<string, bigint>;
  /** By transactional id, the last claim that was begun; a later one must not overtake it. */
  readonly claims: Map<string, Promise<void>>;
}

const REQUEST_TIMEOUT_MS = 10_000;

/** Makes the client; connects to nothing yet. */
export function createKafkaContext(options: KafkaLogOptions): KafkaContext {
  applyKafkajsPatches();
  const { logger } = options;
  const client = new Kafka({
    clientId: options.clientId,
    brokers: [...options.brokers],
    connectionTimeout: options.connectionTimeoutMs ?? 3_000,
    requestTimeout: REQUEST_TIMEOUT_MS,
    retry: { initialRetryTime: 100, maxRetryTime: 2_000, multiplier: 2, factor: 0.2, retries: 8 },
    logLevel: logLevel.WARN,
    // What kafkajs calls an error is often one attempt of several; what matters is logged by the adapter itself.
    logCreator: () => (entry) => {
      const { message, timestamp: _, ...fields } = entry.log;
      logger('debug', 'kafkajs', { ...fields, text: message, namespace: entry.namespace });
    },
    ...(options.ssl === undefined ? {} : { ssl: options.ssl }),
    ...(options.sasl === undefined ? {} : { sasl: options.sasl }),
  });
  return {
    client,
    brokers: options.brokers,
    clientId: options.clientId,
    logger,
    operationTimeoutMs: options.operationTimeoutMs ?? 12_000,
    readerDeadlineMs: options.readerDeadlineMs ?? 600_000,
    committedEnds: new Map(),
    claims: new Map(),
  };
}

/** Closes the connections of a client that nobody waits for any more. */
export function disconnectLater(
  context: KafkaContext,
  client: { disconnect(): Promise<void> },
  pending: Promise<unknown> = Promise.resolve(),
): void {
  const close = (): Promise<void> => client.disconnect();
  pending.then(close, close).catch((error: unknown) => {
    context.logger('debug', 'Kafka connection did not close in order', { error: String(error) });
  });
}
