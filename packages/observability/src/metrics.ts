import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import {
  commonMetrics,
  consumerMetrics as consumerRows,
  histogramBuckets,
  type MetricRow,
  publisherMetrics as publisherRows,
} from './metric-table.ts';
import { PhaseGauge } from './phase-gauge.ts';
import { SlotStateGauge } from './slot-state-gauge.ts';

/** What runs, for `slotcast_build_info`. */
export interface BuildInfo {
  readonly version: string;
  readonly node: string;
  readonly cluster: string;
}

/** What a process runs: one half of a node, or both. */
type ServiceLabel = 'publisher' | 'consumer' | 'node';

export type ProcessMetrics = ReturnType<typeof createProcessMetrics>;
export type PublisherMetrics = ReturnType<typeof createPublisherMetrics>;
export type ConsumerMetrics = ReturnType<typeof createConsumerMetrics>;

/** Metrics of a process, whatever it runs, with those of prom-client (`process_…`, `nodejs_…`), in the registry that its halves share. */
export function createProcessMetrics(service: ServiceLabel, { version, node, cluster }: BuildInfo) {
  const registry = new Registry();
  // The event loop monitor is a timer; at its default of 10 ms it would be most of what an idle service does.
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: 200 });
  // Once per process: alerts and dashboard join with it.
  gauge(registry, commonMetrics.buildInfo).set({ version, service, node, cluster }, 1);
  return {
    registry,
    nodePhase: gauge(registry, commonMetrics.nodePhase),
    roleViolationsTotal: counter(registry, commonMetrics.roleViolationsTotal),
  } as const;
}

/** The publisher's metrics, in a process of its own unless one is given. */
export function createPublisherMetrics(
  build: BuildInfo,
  common: ProcessMetrics = createProcessMetrics('publisher', build),
) {
  const { registry } = common;
  return {
    registry,
    nodePhase: new PhaseGauge(common.nodePhase, 'publishing'),
    roleViolationsTotal: common.roleViolationsTotal,
    epoch: gauge(registry, publisherRows.epoch),
    isPublishing: gauge(registry, publisherRows.isPublishing),
    claimsTotal: counter(registry, publisherRows.claimsTotal),
    slots: gauge(registry, publisherRows.slots),
    unreadableSlots: gauge(registry, publisherRows.unreadableSlots),
    orphanedSlots: gauge(registry, publisherRows.orphanedSlots),
    eventsTotal: counter(registry, publisherRows.eventsTotal),
    transactionsTotal: counter(registry, publisherRows.transactionsTotal),
    publishSeconds: histogram(registry, publisherRows.publishSeconds),
    pollSeconds: histogram(registry, publisherRows.pollSeconds),
    lastPublishTimestampSeconds: gauge(registry, publisherRows.lastPublishTimestampSeconds),
    standbySnapshotsTotal: counter(registry, publisherRows.standbySnapshotsTotal),
    rivalPrimaries: gauge(registry, publisherRows.rivalPrimaries),
    subscribersAhead: gauge(registry, publisherRows.subscribersAhead),
    malformedRecordsTotal: counter(registry, publisherRows.malformedRecordsTotal),
    promotionAheadSlots: gauge(registry, publisherRows.promotionAheadSlots),
    promotionLostSlots: gauge(registry, publisherRows.promotionLostSlots),
    promotionTimestampSeconds: gauge(registry, publisherRows.promotionTimestampSeconds),
    canaryEnabled: gauge(registry, publisherRows.canaryEnabled),
    canaryUp: gauge(registry, publisherRows.canaryUp),
    canarySeconds: histogram(registry, publisherRows.canarySeconds),
    canaryFailuresTotal: counter(registry, publisherRows.canaryFailuresTotal),
  } as const;
}

/** The consumer's metrics, in a process of its own unless one is given. */
export function createConsumerMetrics(
  build: BuildInfo,
  common: ProcessMetrics = createProcessMetrics('consumer', build),
) {
  const { registry } = common;
  return {
    registry,
    nodePhase: new PhaseGauge(common.nodePhase, 'following'),
    roleViolationsTotal: common.roleViolationsTotal,
    slotState: new SlotStateGauge(registry, options(registry, consumerRows.slotState)),
    slotLagBytes: gauge(registry, consumerRows.slotLagBytes),
    orphanedWalBytes: gauge(registry, consumerRows.orphanedWalBytes),
    appliedOffset: gauge(registry, consumerRows.appliedOffset),
    waitingEvents: gauge(registry, consumerRows.waitingEvents),
    malformedRecordsTotal: counter(registry, consumerRows.malformedRecordsTotal),
    invariantViolationsTotal: counter(registry, consumerRows.invariantViolationsTotal),
    actionsTotal: counter(registry, consumerRows.actionsTotal),
    moveSeconds: histogram(registry, consumerRows.moveSeconds),
    decodingSlots: gauge(registry, consumerRows.decodingSlots),
    advanceSeconds: histogram(registry, consumerRows.advanceSeconds),
    restartGapBytes: gauge(registry, consumerRows.restartGapBytes),
    restartBacklogSlots: gauge(registry, consumerRows.restartBacklogSlots),
    slotProofTimestampSeconds: gauge(registry, consumerRows.slotProofTimestampSeconds),
    proofsTotal: counter(registry, consumerRows.proofsTotal),
    applyDelaySeconds: histogram(registry, consumerRows.applyDelaySeconds),
    canaryLagSeconds: gauge(registry, consumerRows.canaryLagSeconds),
    canarySeconds: histogram(registry, consumerRows.canarySeconds),
    canaryTimestampSeconds: gauge(registry, consumerRows.canaryTimestampSeconds),
    publisherHeartbeatAgeSeconds: gauge(registry, consumerRows.publisherHeartbeatAgeSeconds),
    topicAlarm: gauge(registry, consumerRows.topicAlarm),
  } as const;
}

function options<Label extends string>(
  registry: Registry,
  row: MetricRow<'gauge' | 'counter' | 'histogram', Label>,
) {
  return { name: row.name, help: row.help, labelNames: row.labels, registers: [registry] };
}

function gauge<Label extends string>(registry: Registry, row: MetricRow<'gauge', Label>): Gauge<Label> {
  return new Gauge(options(registry, row));
}

function counter<Label extends string>(registry: Registry, row: MetricRow<'counter', Label>): Counter<Label> {
  return new Counter(options(registry, row));
}

function histogram<Label extends string>(
  registry: Registry,
  row: MetricRow<'histogram', Label>,
): Histogram<Label> {
  return new Histogram({ ...options(registry, row), buckets: histogramBuckets });
}
