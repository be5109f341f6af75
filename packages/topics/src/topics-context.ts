import type { EventLog } from '@slotcast/event-log';
import type { Codec } from '@slotcast/event-schema';
import type { Logger } from '@slotcast/kernel';
import type { SilenceMeter } from './silence-meter.ts';

/** What both topics of a cluster are read with. */
export interface TopicsContext {
  readonly log: EventLog;
  readonly codec: Codec;
  readonly slotsTopic: string;
  readonly nodesTopic: string;
  /** One for both topics. */
  readonly silence: SilenceMeter;
  /** Called with each record that is skipped. */
  readonly onUnusable: (record: UnusableRecord) => void;
}

/** A record that slotcast cannot have written, or that turns the clock back. */
export interface UnusableRecord {
  readonly topic: string;
  readonly offset: bigint;
  readonly key: string;
  readonly reason: string;
}

/** Tells of records that are skipped in the log of a service, and has them counted. */
export function tellOfUnusable(logger: Logger, count: () => void): TopicsContext['onUnusable'] {
  return ({ topic, offset, key, reason }) => {
    count();
    const fields = { code: 'SC_RECORD_MALFORMED', topic, offset: String(offset), key, reason };
    logger.error(fields, 'skipped a record that slotcast cannot have written');
  };
}
