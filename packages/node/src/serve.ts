import { type Config, kafkaOptions } from '@slotcast/config';
import { createKafkaLog, type KafkaLogger } from '@slotcast/event-log';
import { formatListen, type Logger, runService } from '@slotcast/kernel';
import {
  createLogger,
  type HttpServerOptions,
  type NodeService,
  startHttpServer,
} from '@slotcast/observability';
import { composeNode } from './compose.ts';
import type { NodeContext } from './context.ts';

/** What a process of a node does, and what it says of itself. */
export interface ServedNode {
  readonly service: NodeService;
  readonly commands?: HttpServerOptions['commands'];
  readonly registry: HttpServerOptions['registry'];
}

/** Runs what is made of the settings, with its HTTP endpoint, until it is stopped; then exits the process. */
export async function serveNode(
  config: Config,
  version: string,
  make: (context: NodeContext) => ServedNode,
): Promise<void> {
  const { cluster, node, service } = config;
  const logger = createLogger({ level: config.logLevel, fields: { service, cluster, node } });
  if (config.serviceLinks.length > 0) {
    logger.debug(
      { names: config.serviceLinks },
      'ignored variables that Kubernetes or Docker set for a service',
    );
  }
  await runService(
    async (signal) => {
      const log = createKafkaLog({ ...kafkaOptions(config), logger: kafkaLogger(logger) });
      try {
        const context = composeNode(config, { version, logger, log });
        await serve(config, context, make(context), signal);
      } finally {
        await log.close();
      }
    },
    { logger },
  );
}

async function serve(
  config: Config,
  { logger, version }: NodeContext,
  { service, registry, commands = new Map() }: ServedNode,
  signal: AbortSignal,
): Promise<void> {
  const { httpListen: listen, httpToken: token } = config;
  const http = await startHttpServer({
    listen,
    health: service.health,
    fenced: () => service.fenced(),
    registry,
    commands,
    token,
  });
  const address = http.address === undefined ? 'off' : formatListen(http.address);
  logger.info({ version, http: address }, 'started');
  try {
    await service.run(signal);
  } finally {
    await http.close();
  }
}

function kafkaLogger(logger: Logger): KafkaLogger {
  const kafka = logger.child({ part: 'kafka' });
  return (level, message, fields) => kafka[level](fields, message);
}
