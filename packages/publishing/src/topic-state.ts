import { applyPublished, type Manifest, type PublishedSlots, type SlotEvent } from '@slotcast/domain';
import type { LogRecord } from '@slotcast/event-log';
import type { Codec } from '@slotcast/event-schema';
import type { Logger } from '@slotcast/kernel';

/** What the slots topic says: the state that a new tenure starts from. */
export class TopicState {
  published: PublishedSlots = new Map();
  manifest: Manifest | undefined;
  highestEpoch = 0;
  readonly #codec: Codec;
  readonly #logger: Logger;

  constructor(codec: Codec, logger: Logger) {
    this.#codec = codec;
    this.#logger = logger;
  }

  /** Takes records in the order of their offsets; malformed ones are skipped loudly. */
  async take(records: readonly LogRecord[]): Promise<void> {
    const events: SlotEvent[] = [];
    for (const record of records) {
      const decoded = await this.#codec.decodeSlotsRecord(record);
      if (decoded.kind === 'malformed') {
        const fields = { offset: String(record.offset), key: decoded.key, reason: decoded.reason };
        this.#logger.error({ code: 'SC_RECORD_MALFORMED', ...fields }, 'skipped a malformed record');
        continue;
      }
      this.highestEpoch = Math.max(this.highestEpoch, decoded.epoch);
      if (decoded.kind === 'manifest') {
        this.manifest = decoded;
      } else {
        events.push(decoded);
      }
    }
    this.published = applyPublished(this.published, events);
  }
}
