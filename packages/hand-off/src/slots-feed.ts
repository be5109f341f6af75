import {
  type EventBacklog,
  emptyBacklog,
  ingest,
  type Manifest,
  type PublishedLine,
  publishedOn,
  type ReplayPoint,
  type SettledBacklog,
  type SlotEvent,
  type SlotName,
  settle,
  type TimelineHistory,
} from '@slotcast/domain';
import type { LogRecord } from '@slotcast/event-log';
import type { Codec } from '@slotcast/event-schema';
import type { Clock, Logger } from '@slotcast/kernel';

/** The reader's side of the slots topic: decodes, orders and holds what replay has not reached. */
export class SlotsFeed {
  readonly #codec: Codec;
  readonly #clock: Clock;
  readonly #onMalformed: () => void;
  readonly #logger: Logger;
  readonly #onAccepted: (records: readonly (SlotEvent | Manifest)[]) => void;
  #backlog: EventBacklog = emptyBacklog;
  /** The newest event of each slot, on whatever branch it lies; without those that were dropped. */
  readonly #newest = new Map<SlotName, SlotEvent>();
  #newestManifest: Manifest | undefined;
  #heartbeatAt: number | undefined;
  /** What was found when it was settled last. */
  #found: { readonly settled: SettledBacklog; readonly newestManifest: Manifest | undefined } | undefined;

  /** `onAccepted` gets the records that were neither malformed nor turned the clock back. */
  constructor(options: {
    codec: Codec;
    clock: Clock;
    onMalformed: () => void;
    onAccepted: (records: readonly (SlotEvent | Manifest)[]) => void;
    logger: Logger;
  }) {
    this.#codec = options.codec;
    this.#clock = options.clock;
    this.#onMalformed = options.onMalformed;
    this.#logger = options.logger;
    this.#onAccepted = options.onAccepted;
  }

  /** The newest manifest in the topic, whether replay has reached it or not. */
  get newestManifest(): Manifest | undefined {
    return this.#newestManifest;
  }

  /** Milliseconds since the publisher was last heard of. */
  heartbeatAgeMs(): number {
    return this.#heartbeatAt === undefined ? Number.POSITIVE_INFINITY : this.#clock.now() - this.#heartbeatAt;
  }

  /**
   * Takes records in the order of their offsets; a malformed one is skipped loudly. Live records count as heard now, replayed ones
   * at the time that the publisher wrote in them.
   */
  async take(records: readonly LogRecord[], live: boolean): Promise<void> {
    const events: (SlotEvent | Manifest)[] = [];
    for (const record of records) {
      const decoded = await this.#codec.decodeSlotsRecord(record);
      if (decoded.kind === 'malformed') {
        const { key, reason } = decoded;
        this.#onMalformed();
        this.#logger.error(
          { code: 'SC_RECORD_MALFORMED', offset: String(record.offset), key, reason },
          'skipped a malformed record',
        );
      } else {
        events.push(decoded);
      }
    }
    const { backlog, rejected } = ingest(this.#backlog, events);
    this.#backlog = backlog;
    for (const { event, reason } of rejected) {
      const slot = event.kind === 'slot' ? event.slot : undefined;
      this.#onMalformed();
      this.#logger.error(
        { code: 'SC_RECORD_MALFORMED', slot, reason },
        'rejected an event that turns the clock back',
      );
    }
    const refused = new Set(rejected.map(({ event }) => event));
    const accepted = events.filter((event) => !refused.has(event));
    this.#onAccepted(accepted);
    for (const event of accepted) {
      if (event.kind === 'manifest') {
        this.#newestManifest = event;
        this.#heartbeatAt = live ? this.#clock.now() : event.time;
      } else if (event.op === 'drop') {
        this.#newest.delete(event.slot);
      } else {
        this.#newest.set(event.slot, event);
      }
    }
  }

  /** The slot state at this point of replay. */
  settle(point: ReplayPoint): SettledBacklog {
    const settled = settle(this.#backlog, point);
    this.#backlog = settled.backlog;
    this.#found = { settled, newestManifest: this.#newestManifest };
    return settled;
  }

  /**
   * True when at this point of replay another event would be found for a slot than the last time, or when a manifest came. Changes nothing, so that
   * the point may be a guess: the server may have gone over to another timeline since the history was read.
   */
  hasNews(point: ReplayPoint): boolean {
    const { settled, newestManifest } = this.#found ?? {};
    if (settled === undefined || newestManifest !== this.#newestManifest) {
      return true;
    }
    const { desired, manifest } = settle(this.#backlog, point);
    return desired !== settled.desired || manifest !== settled.manifest;
  }

  /** All that was published on this line of descent, whether replay has reached it or not. */
  publishedOn(history: TimelineHistory): PublishedLine {
    return publishedOn(this.#backlog, history, { events: this.#newest, manifest: this.#newestManifest });
  }
}
