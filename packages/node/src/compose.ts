import { type Config, filterText } from '@slotcast/config';
import { type PlanPolicy, wantsSlot } from '@slotcast/domain';
import { type EventLog, topicNames } from '@slotcast/event-log';
import { createCodec, SchemaRegistry } from '@slotcast/event-schema';
import { type Logger, systemClock } from '@slotcast/kernel';
import type { NodeContext } from './context.ts';
import { explainError } from './explain-error.ts';
import { FolderStateFile } from './folder-state-file.ts';
import { topicVerifier } from './verify-topics.ts';

/** WAL that one advance may decode: a second or so of work, after which progress is saved and a stop is seen. */
const ADVANCE_STEP_BYTES = 16n * 1024n * 1024n;

/** What is made outside, as it depends on who asks. */
export interface NodeParts {
  readonly version: string;
  readonly logger: Logger;
  readonly log: EventLog;
}

/** The context of a node by its settings. Connects to nothing. */
export function composeNode(config: Config, { version, logger, log }: NodeParts): NodeContext {
  const topics = topicNames(config.topicPrefix, config.cluster);
  const { cluster, node, onDivergence, pollMinMs, pollMaxMs, maxEventsPerSecond } = config;
  const {
    takeOver,
    demotionWaitMs,
    canary,
    advanceDuty,
    postgresUrl,
    schemaRegistryUrl: registryUrl,
  } = config;
  return {
    node,
    cluster,
    version,
    policy: planPolicy(config),
    onDivergence,
    stateFile: config.stateFolder === undefined ? undefined : new FolderStateFile(config.stateFolder, config),
    slotsTopic: topics.slots,
    nodesTopic: topics.nodes,
    postgresUrl,
    pollMinMs,
    pollMaxMs,
    maxEventsPerSecond,
    orphanRetentionMs: config.orphanRetentionMs,
    takeOver,
    demotionWaitMs,
    canary,
    advanceDuty,
    restartGapBytes: BigInt(config.restartGap),
    verifyIntervalMs: config.verifyInterval,
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
