import {
  emptySlotsTopic,
  foldSlots,
  MANIFEST_KEY,
  type Manifest,
  type SlotEvent,
  type SlotName,
  type SlotsRecord,
  type SlotsTopic,
  type Written,
} from '@slotcast/domain';
import { type ReadRecord, TopicReader } from './topic-reader.ts';
import type { TopicsContext, UnusableRecord } from './topics-context.ts';

/** The slots topic as it is read. */
export class SlotsReader extends TopicReader<SlotsRecord> {
  readonly #onAccepted: (records: readonly Written<SlotsRecord>[]) => void;
  #topic = emptySlotsTopic;

  /** `onAccepted` gets the records that were neither malformed nor turned the clock back. */
  constructor(
    context: TopicsContext,
    onAccepted: (records: readonly Written<SlotsRecord>[]) => void = () => undefined,
  ) {
    super(context, context.slotsTopic);
    this.#onAccepted = onAccepted;
  }

  get topic(): SlotsTopic {
    return this.#topic;
  }

  /** The newest one that counts, whether replay of any server has reached it or not. */
  get manifest(): Manifest | undefined {
    return this.#topic.manifest?.record;
  }

  /** The newest event of each live slot, wherever it lies. */
  get newestEvents(): ReadonlyMap<SlotName, SlotEvent> {
    return new Map([...this.#topic.newest].map(([slot, { record }]) => [slot, record]));
  }

  /** Milliseconds since the publisher was last heard of. */
  get publisherSilentMs(): number {
    return this.context.silence.since(this.#topic.manifest);
  }

  protected override async take(records: readonly ReadRecord[]): Promise<readonly SlotsRecord[]> {
    const written: Written<SlotsRecord>[] = [];
    const offsets = new Map<SlotsRecord, bigint>();
    const skipped: Omit<UnusableRecord, 'topic'>[] = [];
    for (const { stored, heardAtMs } of records) {
      const record = await this.context.codec.decodeSlotsRecord(stored);
      if (record.kind === 'malformed') {
        skipped.push({ offset: stored.offset, key: record.key, reason: record.reason });
      } else {
        offsets.set(record, stored.offset);
        written.push({ record, writtenAt: stored.timestamp, heardAtMs });
      }
    }
    const { topic, accepted, rejected } = foldSlots(this.#topic, written);
    this.#topic = topic;
    for (const { record, reason } of rejected) {
      const key = record.kind === 'manifest' ? MANIFEST_KEY : record.slot;
      skipped.push({ offset: offsets.get(record) ?? 0n, key, reason });
    }
    skipped.sort((one, other) => (one.offset < other.offset ? -1 : 1));
    skipped.forEach((record) => this.skip(record));
    this.#onAccepted(accepted);
    return accepted.map(({ record }) => record);
  }
}
