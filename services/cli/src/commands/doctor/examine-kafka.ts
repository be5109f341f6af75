import { type Config, kafkaOptions } from '@slotcast/config';
import {
  type Check,
  failed,
  HEARTBEAT_MS,
  type Heartbeat,
  ok,
  type TopicContents,
  warning,
} from '@slotcast/domain';
import {
  createKafkaLog,
  describeKafkaFailure,
  type EventLog,
  LogUnavailableError,
  TopicRecreatedError,
  writerId,
} from '@slotcast/event-log';
import { createCodec, SchemaRegistry, SchemaRegistryError } from '@slotcast/event-schema';
import { errorCodes, systemClock } from '@slotcast/kernel';
import { findTopicDifferences, topicsOf } from '@slotcast/node';
import { ClusterReader } from '@slotcast/topics';

/** A person waits for the answer. */
const OPERATION_TIMEOUT_MS = 6000;
/** A publisher that is alive writes within its interval, and a little. */
const HEARTBEAT_PATIENCE_MS = HEARTBEAT_MS + 2000;
/** Both topics from their beginning. */
const READING_TIMEOUT_MS = 60_000;

export interface KafkaExamination {
  readonly checks: readonly Check[];
  /** Absent when the topics are missing or cannot be read. */
  readonly contents: TopicContents | undefined;
}

/**
 * Looks at the brokers, the topics and what is in them. Writes nothing, and fences nobody: the transactional id that it claims is no
 * service's. What Kafka refuses is a failed check, and no error. Throws a ConfigError when a file with a certificate cannot be read.
 */
export async function examineKafka(config: Config): Promise<KafkaExamination> {
  const log = createKafkaLog({
    ...kafkaOptions(config),
    // What matters of it comes back as an error.
    logger: () => undefined,
    operationTimeoutMs: OPERATION_TIMEOUT_MS,
    readerDeadlineMs: OPERATION_TIMEOUT_MS,
  });
  try {
    const connection = await attempt('kafka_connection', () => checkConnection(log, config));
    if (connection.outcome === 'failed') {
      return { checks: [connection], contents: undefined };
    }
    const topics = await checkTopics(log, config);
    const claim = await attempt('transactional_id', () => checkClaim(log, config));
    const registry = await checkRegistry(config);
    const checks = [connection, ...topics.checks, claim, ...registry];
    if (!topics.readable || registry.some(({ outcome }) => outcome === 'failed')) {
      return { checks, contents: undefined };
    }
    const { check, contents } = await checkReading(log, config);
    return { checks: [...checks, check], contents };
  } finally {
    await log.close();
  }
}

async function checkConnection(log: EventLog, { kafkaBootstrapServers }: Config): Promise<Check> {
  const clusterId = await log.clusterId();
  const brokers = await log.brokerCount();
  const count = `${brokers} ${brokers === 1 ? 'broker' : 'brokers'}`;
  return ok('kafka_connection', `cluster ${clusterId} with ${count} at ${kafkaBootstrapServers.join(',')}`);
}

async function checkTopics(
  log: EventLog,
  config: Config,
): Promise<{ readonly checks: readonly Check[]; readonly readable: boolean }> {
  try {
    const findings = await findTopicDifferences(log, config);
    const bad = findings.map(({ severity, fact, remedy }) =>
      severity === 'fatal' ? failed('topics', fact, remedy) : warning('topics', fact, remedy),
    );
    const good = topicsOf(config)
      .filter((name) => !findings.some(({ topic }) => topic === name))
      .map((name) => ok('topics', `topic ${name} is as it should be`));
    const readable = !findings.some(({ setting }) => setting === 'topic' || setting === 'partitions');
    return { checks: [...bad, ...good], readable };
  } catch (error) {
    return { checks: [unavailable('topics', error)], readable: false };
  }
}

async function checkClaim(log: EventLog, config: Config): Promise<Check> {
  const [slotsTopic = ''] = topicsOf(config);
  const id = writerId(slotsTopic, 'doctor');
  const writer = await log.claim(id);
  await writer.close();
  return ok('transactional_id', `${id} could be claimed`);
}

async function checkRegistry({ schemaRegistryUrl: url }: Config): Promise<readonly Check[]> {
  if (url === undefined) {
    return [];
  }
  try {
    const registry = new SchemaRegistry({ url, timeoutMs: OPERATION_TIMEOUT_MS });
    // Any id will do: that there is none of it is an answer, too.
    await registry.schemaById(1);
    return [ok('schema_registry', 'the schema registry answers')];
  } catch (error) {
    if (error instanceof SchemaRegistryError) {
      return [failed('schema_registry', error.message, errorCodes.SC_REGISTRY_FAILED.remedy)];
    }
    throw error;
  }
}

async function checkReading(
  log: EventLog,
  config: Config,
): Promise<{ readonly check: Check; readonly contents: TopicContents | undefined }> {
  const url = config.schemaRegistryUrl;
  const codec = createCodec(url === undefined ? {} : { registry: new SchemaRegistry({ url }) });
  const [slotsTopic = '', nodesTopic = ''] = topicsOf(config);
  const signal = AbortSignal.timeout(READING_TIMEOUT_MS);
  try {
    const cluster = await ClusterReader.read(
      { log, codec, slotsTopic, nodesTopic, clock: systemClock },
      signal,
    );
    const contents = await contentsOf(cluster, signal);
    const read = `read ${cluster.slots.count + cluster.nodes.count} records of both topics`;
    const { unusable } = cluster;
    const [first] = unusable;
    if (first === undefined) {
      return { check: ok('topic_reading', read), contents };
    }
    const place = `offset ${first.offset} of ${first.topic}: ${first.reason}`;
    const message = `${read}; ${unusable.length} of them slotcast cannot have written, the first at ${place}`;
    return { check: warning('topic_reading', message, errorCodes.SC_RECORD_MALFORMED.remedy), contents };
  } catch (error) {
    if (signal.aborted) {
      const message = `the topics were not read to their end within ${READING_TIMEOUT_MS / 1000} s`;
      const remedy = 'see whether the brokers are busy, and whether the topics are compacted';
      return { check: failed('topic_reading', message, remedy), contents: undefined };
    }
    return { check: unavailable('topic_reading', error), contents: undefined };
  }
}

/** With the last heartbeat, which may have to be waited for. */
async function contentsOf(cluster: ClusterReader, signal: AbortSignal): Promise<TopicContents> {
  const { slots, nodes } = cluster;
  let heartbeat: Heartbeat | undefined;
  try {
    heartbeat = await cluster.awaitHeartbeat(HEARTBEAT_PATIENCE_MS, signal);
  } finally {
    await cluster.close();
  }
  const { newest, highestEpoch, last } = slots.topic;
  return {
    manifest: slots.manifest,
    heartbeat,
    last,
    highestEpoch,
    slots: new Map([...newest].map(([slot, { record }]) => [slot, record])),
    nodes: nodes.nodes,
    silentMs: nodes.silentMs(),
    nodeSlots: [...nodes.topic.slots.values()].flatMap((its) =>
      [...its.values()].map(({ record }) => record),
    ),
  };
}

type Attempted = 'kafka_connection' | 'topics' | 'transactional_id' | 'topic_reading';

async function attempt(check: Attempted, ask: () => Promise<Check>): Promise<Check> {
  try {
    return await ask();
  } catch (error) {
    return unavailable(check, error);
  }
}

function unavailable(check: Attempted, error: unknown): Check {
  if (error instanceof TopicRecreatedError) {
    return failed(check, error.message, errorCodes.SC_TOPIC_RECREATED.remedy);
  }
  if (error instanceof LogUnavailableError) {
    return failed(check, error.message, describeKafkaFailure(error).remedy);
  }
  throw error;
}
