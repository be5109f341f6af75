import { reason } from '../reasons/reason.ts';
import type { SettledBacklog } from '../topics/event-backlog.ts';
import type { SlotsRecord } from '../topics/slots-topic.ts';
import type { Written } from '../topics/written.ts';
import type { Lsn } from '../vocabulary/lsn.ts';
import type { Reason } from '../vocabulary/reason.ts';
import { MANIFEST_KEY, type Manifest, type SlotEvent } from '../vocabulary/slot-event.ts';
import type { SlotName } from '../vocabulary/slot-name.ts';
import type { StoppedServer } from './stopped-server.ts';

/** What the topic says at the point where a server is consistent. */
export interface TopicAtPoint {
  /** By which it is told whether a slot is there. */
  readonly manifest: Manifest;
  /** Per slot the newest event at or before the point, on the server's line. */
  readonly desired: ReadonlyMap<SlotName, SlotEvent>;
  /** Of the incarnation of that event: the furthest that its subscriber was seen to have confirmed up to the point. */
  readonly furthest: ReadonlyMap<SlotName, Lsn>;
  /** The newest event of each live slot, wherever it lies. */
  readonly newest: ReadonlyMap<SlotName, SlotEvent>;
  /** Whether no event of the slot can be missing between this one, of `desired`, and the point. */
  readonly isWhole: (event: SlotEvent) => boolean;
}

/** All of a topic that was read, as of the point. */
export interface TopicReading {
  readonly settled: SettledBacklog;
  readonly newest: ReadonlyMap<SlotName, SlotEvent>;
  readonly newestManifest: Manifest | undefined;
  readonly next: Pick<NextRecords, 'of'>;
  /** Records that the brokers wrote before may have been removed by compaction, in milliseconds since 1970 by their clock. */
  readonly compactedBefore: number;
}

/**
 * What a topic says at the point. Compaction removes a record only when a later one of its key is old enough, too; so none is missing before the next one that is
 * left where that one is younger, or there is none.
 *
 * A standby goes on behind the present primary: a slot that is not there any more is of no use to it, so the newest manifest tells. A restored server becomes what the primary was
 * at the point, for which the manifest of that time is needed; where it cannot be told which that was, it is refused with a reason.
 */
export function topicAtPoint(
  { settled, newest, newestManifest, next, compactedBefore }: TopicReading,
  { goesOn, consistentLsn }: Pick<StoppedServer, 'goesOn' | 'consistentLsn'>,
): TopicAtPoint | Reason {
  const isWhole = (record: SlotsRecord): boolean => {
    const following = next.of(record);
    // What waits is thinned where there is much of it: the next one may be at the point itself.
    const isPassed = following?.record.timeline === record.timeline && following.record.lsn <= consistentLsn;
    return following === undefined || (!isPassed && following.writtenAt >= compactedBefore);
  };
  const manifest = goesOn === 'standby' ? newestManifest : settled.manifest;
  if (manifest === undefined || (goesOn === 'restored' && !isWhole(manifest))) {
    return reason('rebuild_outside_window', { position: consistentLsn, since: compactedBefore });
  }
  const { desired, furthest } = settled;
  return { manifest, desired, furthest, newest, isWhole };
}

/** Finds in a topic, read once more, the next record of the same key after each of those given, whatever branch it lies on. */
export class NextRecords {
  readonly #wanted: ReadonlyMap<string, string>;
  readonly #passed = new Set<string>();
  readonly #found = new Map<string, Written<SlotsRecord>>();

  constructor(records: Iterable<SlotsRecord>) {
    this.#wanted = new Map([...records].map((record) => [topicKey(record), numberOf(record)]));
  }

  /** Takes all records of the topic in their order. */
  take(records: readonly Written<SlotsRecord>[]): void {
    for (const written of records) {
      const key = topicKey(written.record);
      if (this.#wanted.get(key) === numberOf(written.record)) {
        this.#passed.add(key);
      } else if (this.#passed.has(key) && !this.#found.has(key)) {
        this.#found.set(key, written);
      }
    }
  }

  of(record: SlotsRecord): Written<SlotsRecord> | undefined {
    return this.#found.get(topicKey(record));
  }
}

function topicKey(record: SlotsRecord): string {
  return record.kind === 'manifest' ? MANIFEST_KEY : record.slot;
}

function numberOf({ timeline, epoch, seq }: SlotsRecord): string {
  return `${timeline}.${epoch}.${seq}`;
}
