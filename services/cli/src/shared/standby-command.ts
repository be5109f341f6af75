import { type Config, kafkaOptions } from '@slotcast/config';
import { createKafkaLog } from '@slotcast/event-log';
import type { ConsumerOptions } from '@slotcast/following';
import type { ExitCode } from '@slotcast/kernel';
import { composeNode, explainError, followingOptions } from '@slotcast/node';
import { createConsumerMetrics, createLogger } from '@slotcast/observability';
import { packageVersion } from '../version.ts';
import { type GlobalOptions, untilInterrupted } from './command-scope.ts';
import { loadSettings } from './load-settings.ts';

/** A person, or Patroni, waits for the answer. */
const OPERATION_TIMEOUT_MS = 6_000;

/** What a command on a standby works with. */
export interface StandbyCommand {
  readonly config: Config;
  /** Connects to nothing before it is used. */
  readonly consumer: ConsumerOptions;
  readonly signal: AbortSignal;
}

/** Runs a command that is given beside a standby, with the settings of its consumer. Errors come out with their slotcast code. */
export async function onStandby(
  options: GlobalOptions,
  use: (command: StandbyCommand) => Promise<ExitCode>,
): Promise<void> {
  const config = loadSettings(options, 'consumer');
  // Standard output is for the answer; what a service would log is of no use here.
  const logger = createLogger({ level: 'silent', fields: {} });
  const log = createKafkaLog({
    ...kafkaOptions(config),
    logger: () => undefined,
    operationTimeoutMs: OPERATION_TIMEOUT_MS,
  });
  const context = composeNode(config, { version: packageVersion(), logger, log });
  const consumer = followingOptions(context, createConsumerMetrics(context));
  try {
    await untilInterrupted((signal) => use({ config, consumer, signal }));
  } catch (error) {
    throw explainError(error);
  } finally {
    await log.close();
  }
}
