import { type Lsn, lsn } from '../vocabulary/lsn.ts';
import type { EventOrigin, Manifest, SlotEvent } from '../vocabulary/slot-event.ts';
import type { SlotName } from '../vocabulary/slot-name.ts';
import type { TimelineHistory } from '../vocabulary/timeline-history.ts';
import { compareOrder, type EventBacklog, settle } from './event-backlog.ts';

/** All that was published on one line of descent, whether a server has replayed it or not. */
export interface PublishedLine {
  /** The newest event of each slot that is not known to be gone. */
  readonly published: ReadonlyMap<SlotName, SlotEvent>;
  readonly manifest: Manifest | undefined;
  /** The newest record of any kind. */
  readonly lastOrigin: EventOrigin | undefined;
}

/** Nothing is known of what was published. */
export const emptyLine: PublishedLine = { published: new Map(), manifest: undefined, lastOrigin: undefined };

const FURTHEST: Lsn = lsn(2n ** 63n - 1n);

/** The newest state of every slot on this line of descent, however far ahead it lies. */
export function publishedOn(backlog: EventBacklog, history: TimelineHistory): PublishedLine {
  const { desired, manifest } = settle(backlog, { history, replayLsn: FURTHEST });
  const names = listedSlots(manifest);
  const isLive = ([name, event]: readonly [SlotName, SlotEvent]): boolean =>
    event.op !== 'drop' && !isMissing({ manifest, listed: names.has(name) }, event);
  const published = new Map([...desired].filter(isLive));
  const origins: EventOrigin[] = [...desired.values(), ...(manifest === undefined ? [] : [manifest])];
  const lastOrigin = origins.reduce<EventOrigin | undefined>(
    (last, origin) => (last === undefined || compareOrder(origin, last) > 0 ? origin : last),
    undefined,
  );
  return { published, manifest, lastOrigin };
}

/** The slots that a manifest lists, made once for many questions. */
export function listedSlots(manifest: Manifest | undefined): ReadonlySet<SlotName> {
  return new Set(manifest?.slots.map((slot) => slot.name));
}

/** True when a manifest that is newer than the event no longer lists its slot: compaction has removed the drop. */
export function isMissing(
  { manifest, listed }: { readonly manifest: Manifest | undefined; readonly listed: boolean },
  event: SlotEvent,
): boolean {
  return manifest !== undefined && compareOrder(manifest, event) > 0 && !listed;
}
