import { type LocalSlot, type Lsn, parseSlotName, type SlotEvent, timeline } from '@slotcast/domain';
import { createCodec } from '@slotcast/event-schema';
import { DecodingBudget, RestartWorker, SlotFailures, type WaveLimits } from '@slotcast/following';
import { NodeDirectory } from '@slotcast/hand-off';
import { type Clock, Doorbell, type Logger } from '@slotcast/kernel';
import { createConsumerMetrics, createLogger } from '@slotcast/observability';
import type { PostgresOptions } from '@slotcast/postgres';

export type Facts = NonNullable<Parameters<RestartWorker['planned']>[0]>;

/** The one slot that there is. */
export const APP = parseSlotName('app');
export const NODE = 's1';
export const NODES_TOPIC = 'nodes';
const onMalformed = (): void => undefined;
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
  return new NodeDirectory({ node: NODE, topic: NODES_TOPIC, codec: createCodec(), onMalformed, logger });
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
