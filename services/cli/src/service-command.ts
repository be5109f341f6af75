import { type Config, filterText, kafkaOptions, type Service as ServiceName } from '@slotcast/config';
import { type PlanPolicy, wantsSlot } from '@slotcast/domain';
import { createKafkaLog, type EventLog, type KafkaLogger, topicNames } from '@slotcast/event-log';
import { createCodec, SchemaRegistry } from '@slotcast/event-schema';
import { createConsumer } from '@slotcast/following';
import { formatListen, type Logger, runService, systemClock } from '@slotcast/kernel';
import {
  createConsumerMetrics,
  createLogger,
  createPublisherMetrics,
  type HealthSource,
  type HttpServerOptions,
  startHttpServer,
} from '@slotcast/observability';
import { createPublisher } from '@slotcast/publishing';
import { consumerCommands } from './consumer-commands.ts';
import { explainError } from './explain-error.ts';
import type { GlobalOptions } from './shared/command-scope.ts';
import { loadSettings } from './shared/load-settings.ts';
import { findTopicDifferences, topicError } from './topic-findings.ts';
import { packageVersion } from './version.ts';

/** WAL that one advance may decode: a second or so of work, after which progress is saved and a stop is seen. */
const ADVANCE_STEP_BYTES = 16n * 1024n * 1024n;

/** What a service does, and what it says of itself. */
interface RunningService {
  readonly health: HealthSource;
  run(signal: AbortSignal): Promise<void>;
}

/** `slotcast publisher`: runs until it is stopped, then exits the process. Throws a ConfigError. */
export async function runPublisherService(options: GlobalOptions): Promise<void> {
  await runNodeService('publisher', options, (parts) => {
    const { config } = parts;
    const metrics = createPublisherMetrics(parts.build);
    const { pollMinMs, pollMaxMs, maxEventsPerSecond, takeOver, canary } = config;
    const pace = { pollMinMs, pollMaxMs, maxEventsPerSecond };
    const service = createPublisher({ ...commonOptions(parts), ...pace, takeOver, canary, metrics });
    return { service, registry: metrics.registry };
  });
}

/** `slotcast consumer`: runs until it is stopped, then exits the process. Throws a ConfigError. */
export async function runConsumerService(options: GlobalOptions): Promise<void> {
  await runNodeService('consumer', options, (parts) => {
    const { config } = parts;
    const metrics = createConsumerMetrics(parts.build);
    const { advanceDuty, pollMaxMs } = config;
    const restartGapBytes = BigInt(config.restartGap);
    const service = createConsumer({
      ...commonOptions(parts),
      advanceDuty,
      restartGapBytes,
      pollMaxMs,
      metrics,
    });
    return { service, registry: metrics.registry, commands: consumerCommands(service.control, config) };
  });
}

/** What a service is made of. */
export interface ServiceParts {
  readonly config: Config;
  readonly logger: Logger;
  readonly log: EventLog;
  readonly build: { readonly version: string; readonly node: string; readonly cluster: string };
}

interface MadeService {
  readonly service: RunningService;
  readonly commands?: HttpServerOptions['commands'];
  readonly registry: HttpServerOptions['registry'];
}

async function runNodeService(
  name: Exclude<ServiceName, 'cli'>,
  options: GlobalOptions,
  make: (parts: ServiceParts) => MadeService,
): Promise<void> {
  const config = loadSettings(options, name);
  const { cluster, node } = config;
  const build = { version: packageVersion(), node, cluster };
  const kafka = kafkaOptions(config);
  const logger = createLogger({ level: config.logLevel, fields: { service: name, cluster, node } });
  if (config.serviceLinks.length > 0) {
    logger.debug(
      { names: config.serviceLinks },
      'ignored variables that Kubernetes or Docker set for a service',
    );
  }
  await runService(
    async (signal) => {
      const log = createKafkaLog({ ...kafka, logger: kafkaLogger(logger) });
      try {
        await serve(config, logger, make({ config, logger, log, build }), signal);
      } finally {
        await log.close();
      }
    },
    { logger },
  );
}

async function serve(
  config: Config,
  logger: Logger,
  { service, registry, commands = new Map() }: MadeService,
  signal: AbortSignal,
): Promise<void> {
  const { httpListen: listen, httpToken: token } = config;
  const http = await startHttpServer({ listen, health: service.health, registry, commands, token });
  const address = http.address === undefined ? 'off' : formatListen(http.address);
  logger.info({ version: packageVersion(), http: address }, 'started');
  try {
    await service.run(signal);
  } finally {
    await http.close();
  }
}

export function commonOptions({ config, logger, log, build }: ServiceParts) {
  const topics = topicNames(config.topicPrefix, config.cluster);
  const registryUrl = config.schemaRegistryUrl;
  return {
    node: config.node,
    cluster: config.cluster,
    version: build.version,
    policy: planPolicy(config),
    onDivergence: config.onDivergence,
    slotsTopic: topics.slots,
    nodesTopic: topics.nodes,
    postgres: { url: config.postgresUrl, applicationName: `slotcast-${config.service}` },
    log,
    codec: createCodec(
      registryUrl === undefined ? {} : { registry: new SchemaRegistry({ url: registryUrl }) },
    ),
    verifyTopics: topicVerifier(log, config, logger),
    explainError,
    logger,
    clock: systemClock,
  };
}

/** Refuses topics that lose data; what is merely not ideal is logged once, as the check runs at every new attempt. */
function topicVerifier(log: EventLog, config: Config, logger: Logger): () => Promise<void> {
  const told = new Set<string>();
  return async () => {
    for (const finding of await findTopicDifferences(log, config)) {
      if (finding.severity === 'fatal') {
        throw topicError(finding);
      }
      if (!told.has(finding.message)) {
        told.add(finding.message);
        logger.warn(
          { topic: finding.topic, detail: finding.message },
          'a topic is not set up as it should be',
        );
      }
    }
  };
}

function planPolicy(config: Config): PlanPolicy {
  return {
    wanted: (slot) => wantsSlot(config.slots, slot),
    filter: filterText(config),
    dropExtraSlots: config.dropExtraSlots,
    onConflict: config.onConflict,
    allowedPlugins: config.plugins,
    limits: {
      maxLagBytes: BigInt(config.lagMaxBytes),
      maxLagMs: config.lagMaxMs,
      heartbeatStaleMs: config.lagMaxMs,
    },
    advanceStepBytes: ADVANCE_STEP_BYTES,
  };
}

function kafkaLogger(logger: Logger): KafkaLogger {
  const kafka = logger.child({ part: 'kafka' });
  return (level, message, fields) => kafka[level](fields, message);
}
