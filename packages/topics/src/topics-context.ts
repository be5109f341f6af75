import type { EventLog } from '@slotcast/event-log';
import type { Codec } from '@slotcast/event-schema';
import type { Runtime } from '@slotcast/kernel';
import { SilenceMeter } from './silence-meter.ts';

/** Both topics of a cluster, and by what they are reached and understood. */
export interface TopicsAccess {
  readonly log: EventLog;
  readonly codec: Codec;
  readonly slotsTopic: string;
  readonly nodesTopic: string;
}

/** What both topics of a cluster are read with. */
export interface TopicsContext extends TopicsAccess {
  /** One for both topics. */
  readonly silence: SilenceMeter;
  /** Called with each record that is skipped, in the order of their offsets. */
  readonly onUnusable: (record: UnusableRecord) => void;
}

/** A record that slotcast cannot have written, or that turns the clock back. */
export interface UnusableRecord {
  readonly topic: string;
  readonly offset: bigint;
  readonly key: string;
  readonly reason: string;
}

/** What a service reads the topics with: it tells in its log of what it has to skip, and counts it, once however often it reads the topics anew. */
export function serviceTopics(
  service: TopicsAccess & Runtime & { readonly metrics: { readonly malformedRecordsTotal: { inc(): void } } },
): TopicsContext {
  const { log, codec, slotsTopic, nodesTopic, clock, logger, metrics } = service;
  // Each reading begins at the beginning, and tells of them in the order of their offsets.
  const lastTold = new Map<string, bigint>();
  const onUnusable = ({ topic, offset, key, reason }: UnusableRecord): void => {
    if (offset <= (lastTold.get(topic) ?? -1n)) {
      return;
    }
    lastTold.set(topic, offset);
    metrics.malformedRecordsTotal.inc();
    const fields = { code: 'SC_RECORD_MALFORMED', topic, offset: String(offset), key, reason };
    logger.error(fields, 'skipped a record that slotcast cannot have written');
  };
  return { log, codec, slotsTopic, nodesTopic, silence: new SilenceMeter(clock), onUnusable };
}
