import { Kafka, type KafkaConfig, logLevel } from 'kafkajs';
import { KnownEnds } from '../known-ends.ts';
import { BootstrapServers } from './bootstrap-servers.ts';
import { toKafkajs } from './broker-address.ts';
import { ClientSockets } from './client-sockets.ts';
import { applyKafkajsPatches } from './kafkajs-patches.ts';
import { withDeadline } from './with-deadline.ts';

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
  readonly brokers: readonly string[];
  readonly clientId: string;
  readonly logger: KafkaLogger;
  readonly operationTimeoutMs: number;
  readonly readerDeadlineMs: number;
  /**
   * A client for one purpose, whose connections end with it. kafkajs keeps an entry for every consumer group that a client has had, so
   * that one client for all would grow for ever.
   */
  readonly newClient: () => KafkaClient;
  /** Of the topics that this log has read or written. */
  readonly ends: KnownEnds;
  /** By transactional id, the last claim that was begun; a later one must not overtake it. */
  readonly claims: Map<string, Promise<void>>;
}

/** One kafkajs client with its connections. */
export interface KafkaClient {
  readonly kafka: Kafka;
  readonly sockets: ClientSockets;
}

const DISCONNECT_TIMEOUT_MS = 15_000;
/** For what a broker may need time for: an append to all replicas, the end of a transaction. */
const REQUEST_TIMEOUT_MS = 10_000;
/** kafkajs' own limit for a connection is only there for the case that the one of ClientSockets does not come. */
const SPARE_MS = 500;

/** Makes the context; connects to nothing yet. */
export function createKafkaContext(options: KafkaLogOptions): KafkaContext {
  applyKafkajsPatches();
  const { logger, clientId } = options;
  const connectTimeoutMs = options.connectionTimeoutMs ?? 3_000;
  const servers = new BootstrapServers(options.brokers);
  const config: Omit<KafkaConfig, 'brokers'> = {
    clientId,
    connectionTimeout: connectTimeoutMs + SPARE_MS,
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
  };
  return {
    brokers: options.brokers,
    clientId,
    logger,
    operationTimeoutMs: options.operationTimeoutMs ?? 12_000,
    readerDeadlineMs: options.readerDeadlineMs ?? 600_000,
    newClient: () => {
      const sockets = new ClientSockets(servers, connectTimeoutMs);
      // One at a time, as kafkajs asks again for each attempt; with none it gives up at once.
      const brokers = (): string[] => (sockets.isUsable ? [toKafkajs(servers.next())] : []);
      return { kafka: new Kafka({ ...config, brokers, socketFactory: sockets.create }), sockets };
    },
    ends: new KnownEnds(),
    claims: new Map(),
  };
}

/** Closes the connections of a client that nobody waits for any more: in order after `pending`, and in the end at all events. */
export function disconnectLater(
  context: KafkaContext,
  { sockets }: KafkaClient,
  part: { disconnect(): Promise<void> },
  pending: Promise<unknown> = Promise.resolve(),
): void {
  const close = (): Promise<void> => part.disconnect();
  withDeadline(pending.then(close, close), DISCONNECT_TIMEOUT_MS)
    .catch((error: unknown) => {
      context.logger('debug', 'Kafka connection did not close in order', { error: String(error) });
    })
    .finally(() => sockets.abandon(new Error('this client is closed')));
}
