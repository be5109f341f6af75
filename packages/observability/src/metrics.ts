import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import {
  commonMetrics,
  consumerMetrics as consumerRows,
  histogramBuckets,
  type MetricRow,
  publisherMetrics as publisherRows,
} from './metric-table.ts';
import { SlotStateGauge } from './slot-state-gauge.ts';

/** What runs, for `slotcast_build_info`. */
export interface BuildInfo {
  readonly version: string;
  readonly node: string;
  readonly cluster: string;
}

export type PublisherMetrics = ReturnType<typeof createPublisherMetrics>;
export type ConsumerMetrics = ReturnType<typeof createConsumerMetrics>;

/** The publisher's metrics in a registry of their own, with the process metrics of prom-client (`process_…`, `nodejs_…`). */
export function createPublisherMetrics(build: BuildInfo) {
  const registry = createRegistry('publisher', build);
  return {
    registry,
    nodePhase: gauge(registry, commonMetrics.nodePhase),
    roleViolationsTotal: counter(registry, commonMetrics.roleViolationsTotal),
    epoch: gauge(registry, publisherRows.epoch),
    isPublishing: gauge(registry, publisherRows.isPublishing),
    claimsTotal: counter(registry, publisherRows.claimsTotal),
    slots: gauge(registry, publisherRows.slots),
    unreadableSlots: gauge(registry, publisherRows.unreadableSlots),
    eventsTotal: counter(registry, publisherRows.eventsTotal),
    transactionsTotal: counter(registry, publisherRows.transactionsTotal),
    publishSeconds: histogram(registry, publisherRows.publishSeconds),
    pollSeconds: histogram(registry, publisherRows.pollSeconds),
    lastPublishTimestampSeconds: gauge(registry, publisherRows.lastPublishTimestampSeconds),
    standbySnapshotsTotal: counter(registry, publisherRows.standbySnapshotsTotal),
    promotionAheadSlots: gauge(registry, publisherRows.promotionAheadSlots),
    promotionLostSlots: gauge(registry, publisherRows.promotionLostSlots),
    promotionTimestampSeconds: gauge(registry, publisherRows.promotionTimestampSeconds),
    canaryEnabled: gauge(registry, publisherRows.canaryEnabled),
    canaryUp: gauge(registry, publisherRows.canaryUp),
    canarySeconds: histogram(registry, publisherRows.canarySeconds),
    canaryFailuresTotal: counter(registry, publisherRows.canaryFailuresTotal),
  } as const;
}

/** The consumer's metrics in a registry of their own, with the process metrics of prom-client (`process_…`, `nodejs_…`). */
export function createConsumerMetrics(build: BuildInfo) {
  const registry = createRegistry('consumer', build);
  return {
    registry,
    nodePhase: gauge(registry, commonMetrics.nodePhase),
    roleViolationsTotal: counter(registry, commonMetrics.roleViolationsTotal),
    slotState: new SlotStateGauge(registry, options(registry, consumerRows.slotState)),
    slotLagBytes: gauge(registry, consumerRows.slotLagBytes),
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
    applyDelaySeconds: histogram(registry, consumerRows.applyDelaySeconds),
    canaryLagSeconds: gauge(registry, consumerRows.canaryLagSeconds),
    canarySeconds: histogram(registry, consumerRows.canarySeconds),
    canaryTimestampSeconds: gauge(registry, consumerRows.canaryTimestampSeconds),
    publisherHeartbeatAgeSeconds: gauge(registry, consumerRows.publisherHeartbeatAgeSeconds),
    topicAlarm: gauge(registry, consumerRows.topicAlarm),
  } as const;
}

function createRegistry(service: 'publisher' | 'consumer', build: BuildInfo): Registry {
  const registry = new Registry();
  // The event loop monitor is a timer; at its default of 10 ms it would be most of what an idle service does.
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: 200 });
  const { version, node, cluster } = build;
  gauge(registry, commonMetrics.buildInfo).set({ version, service, node, cluster }, 1);
  return registry;
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
