import { type LocalSlot, type Lsn, parseSlotName, type SlotEvent, timeline } from '@slotcast/domain';
import { MemoryLog } from '@slotcast/event-log';
import { createCodec } from '@slotcast/event-schema';
import { DecodingBudget, RestartWorker, SlotFailures, type WaveLimits } from '@slotcast/following';
import { type Clock, Doorbell, type Logger, systemClock } from '@slotcast/kernel';
import { createConsumerMetrics, createLogger } from '@slotcast/observability';
import type { PostgresOptions } from '@slotcast/postgres';
import { NodeDirectory, NodesReader, SilenceMeter } from '@slotcast/topics';

export type Facts = NonNullable<Parameters<RestartWorker['planned']>[0]>;

/** The one slot that there is. */
export const APP = parseSlotName('app');
export const NODE = 's1';
export const NODES_TOPIC = 'nodes';
const logger = createLogger({ level: 'silent', fields: {} });

export function startWorker(options: {
  readonly postgres: PostgresOptions;
  readonly clock: Clock;
  readonly restartGapBytes: bigint;
  readonly waveLimits?: WaveLimits;
  readonly newLeaderMs?: number;
  readonly budget?: DecodingBudget;
  readonly directory?: NodeDirectory;
  readonly doorbell?: Doorbell;
  readonly logger?: Logger;
}): { readonly worker: RestartWorker; readonly metrics: ReturnType<typeof createConsumerMetrics> } {
  const { clock } = options;
  const metrics = createConsumerMetrics({ version: '0', node: 's1', cluster: 'c' });
  const worker = new RestartWorker({
    directory: emptyDirectory(),
    doorbell: new Doorbell(),
    logger,
    budget: new DecodingBudget(0.25, clock),
    ...options,
    failures: new SlotFailures(clock, logger, Math.random),
    metrics,
    signal: new AbortController().signal,
  });
  return { worker, metrics };
}

/** Of a node that owns nothing yet. */
export function emptyDirectory(): NodeDirectory {
  const context = {
    log: new MemoryLog(),
    codec: createCodec(),
    slotsTopic: 'slots',
    nodesTopic: NODES_TOPIC,
    silence: new SilenceMeter(systemClock),
    onUnusable: () => undefined,
  };
  return new NodeDirectory({ ...context, node: NODE, reader: new NodesReader(context) });
}

function slotAt(restartLsn: Lsn, confirmedFlushLsn: Lsn): LocalSlot {
  return {
    name: APP,
    type: 'logical',
    plugin: 'test_decoding',
    database: 'postgres',
    // That of "postgres" since PostgreSQL 15.
    databaseOid: 5,
    twoPhase: false,
    failover: false,
    synced: false,
    restartLsn,
    confirmedFlushLsn,
    catalogXmin: 750,
    walStatus: 'reserved',
    active: false,
    temporary: false,
  };
}

/** A slot that stands at `at` and needs WAL from `from` on, while that of the primary needs none from before `at`. */
export function factsOf(from: Lsn, at: Lsn, urgent = false): Facts {
  const event: SlotEvent = {
    kind: 'slot',
    op: 'update',
    slot: APP,
    node: 'primary',
    timeline: timeline(1),
    incarnation: { epoch: 1, seq: 1 },
    epoch: 1,
    seq: 2,
    lsn: at,
    time: 0,
    state: slotAt(at, at),
  };
  return {
    view: {
      replayLsn: at,
      slots: [slotAt(from, at)],
      unreadable: [],
      settings: { slotLimits: {}, maxReplicationSlots: 10 },
    },
    plan: {
      verdicts: [{ slot: APP, state: 'ready', reasons: [], sound: true }],
      idleProbes: [],
      idleLeaders: [],
      idleAnchor: false,
    },
    desired: new Map([[APP, event]]),
    urgent,
  };
}
