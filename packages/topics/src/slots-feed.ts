import {
  emptyBacklog,
  ingest,
  type LastWord,
  type Manifest,
  noteWal,
  noWalRate,
  type PublishedLine,
  publishedOn,
  type ReplayPoint,
  type SettledBacklog,
  type SlotsRecord,
  settle,
  type TimelineHistory,
  type Written,
  walPerSecond,
} from '@slotcast/domain';
import { SlotsReader } from './slots-reader.ts';
import type { TopicsContext } from './topics-context.ts';

/** The slots topic as a standby follows it: what replay has not reached is held back. */
export class SlotsFeed {
  readonly reader: SlotsReader;
  #backlog = emptyBacklog;
  readonly #silence: TopicsContext['silence'];
  #last: Written<SlotsRecord> | undefined;
  #rate = noWalRate;
  /** What was found when it was settled last. */
  #found: { readonly settled: SettledBacklog; readonly newestManifest: Manifest | undefined } | undefined;

  constructor(
    context: TopicsContext,
    onAccepted: (records: readonly SlotsRecord[]) => void = () => undefined,
  ) {
    this.#silence = context.silence;
    this.reader = new SlotsReader(context, (accepted) => {
      const records = accepted.map(({ record }) => record);
      this.#last = accepted.at(-1) ?? this.#last;
      this.#rate = records.reduce((rate, { time: now, lsn }) => noteWal(rate, { now, lsn }), this.#rate);
      this.#backlog = ingest(this.#backlog, records);
      onAccepted(records);
    });
  }

  /** The newest manifest in the topic, whether replay has reached it or not. */
  get newestManifest(): Manifest | undefined {
    return this.reader.manifest;
  }

  /** Milliseconds since the publisher was last heard of. */
  heartbeatAgeMs(): number {
    return this.reader.publisherSilentMs;
  }

  /** The slot state at this point of replay. */
  settle(point: ReplayPoint): SettledBacklog {
    const settled = settle(this.#backlog, this.#placed(point));
    this.#backlog = settled.backlog;
    this.#found = { settled, newestManifest: this.newestManifest };
    return settled;
  }

  /**
   * True when at this point of replay another event would be found for a slot than the last time, or when a manifest came. Changes nothing, so that
   * the point may be a guess: the server may have gone over to another timeline since the history was read.
   */
  hasNews(point: ReplayPoint): boolean {
    const { settled, newestManifest } = this.#found ?? {};
    if (settled === undefined || newestManifest !== this.newestManifest) {
      return true;
    }
    const { desired, manifest } = settle(this.#backlog, this.#placed(point));
    return desired !== settled.desired || manifest !== settled.manifest;
  }

  /** All that was published on this line of descent, whether replay has reached it or not. */
  publishedOn(history: TimelineHistory): PublishedLine {
    const newest = { events: this.reader.newestEvents, manifest: this.newestManifest };
    const line = publishedOn(this.#backlog, history, newest);
    return { ...line, word: this.#word() };
  }

  #placed(point: ReplayPoint): ReplayPoint {
    return { ...point, published: this.newestManifest?.history };
  }

  #word(): LastWord | undefined {
    const silentMs = this.#silence.since(this.#last);
    return Number.isFinite(silentMs)
      ? {
          heardAtMs: this.#silence.clocks.monotonicMs - silentMs,
          bytesPerSecond: walPerSecond(this.#rate),
        }
      : undefined;
  }
}
