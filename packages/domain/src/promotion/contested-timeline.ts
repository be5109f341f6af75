import type { Timeline } from '../vocabulary/identity.ts';
import type { Lsn } from '../vocabulary/lsn.ts';
import type { Manifest, SlotEvent } from '../vocabulary/slot-event.ts';
import {
  leftWhenPromoted,
  sameStart,
  startOf,
  startsOf,
  type TimelineHistory,
} from '../vocabulary/timeline-history.ts';
import type { OtherPrimary } from './open-end.ts';
import type { KnownWal } from './wal-fence.ts';

/**
 * Standbys that were promoted at the same point of WAL took the same number for their timelines, which have equal histories from then on. One of them publishes; which one a server
 * comes from that went through such a timeline is told by nothing that it has. So of what was published on that timeline, nothing counts as WAL of the server.
 */

/** Timelines to which several nodes were promoted, each with the end of the WAL that those have in common. */
export type ContestedTimelines = ReadonlyMap<Timeline, Lsn>;

/** Those that a promoted server with this history went through; its newest one it began itself. `others`: the nodes that say that they were promoted. */
export function findContested(
  history: TimelineHistory,
  others: readonly OtherPrimary[],
  manifest: Manifest | undefined,
): ContestedTimelines {
  const contested = startsOf(history)
    .slice(0, -1)
    .filter((start) => {
      const promoted = others.filter(({ promotion }) => sameStart(start, promotion)).map(({ node }) => node);
      const isPublished = manifest !== undefined && sameStart(start, startOf(manifest.history));
      return new Set(isPublished ? [...promoted, manifest.timelineNode] : promoted).size > 1;
    });
  return new Map(contested.map(({ timeline, switchLsn }) => [timeline, switchLsn]));
}

/** The newest events of a line of descent, and of other branches. */
type KnownEvents = Pick<KnownWal, 'published' | 'elsewhere'>;

/** What was published, with all that lies beyond the beginning of a contested timeline as of another branch. */
export function apartFrom<Line extends KnownEvents>(line: Line, contested: ContestedTimelines): Line {
  if (contested.size === 0) {
    return line;
  }
  const isApart = (event: SlotEvent): boolean => contested.has(event.timeline);
  const published = [...line.published];
  return {
    ...line,
    published: new Map(published.filter(([, event]) => !isApart(event))),
    elsewhere: new Map([...published.filter(([, event]) => isApart(event)), ...line.elsewhere]),
  };
}

/** Where a server left the WAL that an event is about. */
export function leftOf(
  { timeline }: Pick<SlotEvent, 'timeline'>,
  known: {
    readonly history: TimelineHistory;
    readonly newestHistory?: TimelineHistory | undefined;
    readonly contested?: ContestedTimelines | undefined;
  },
): Lsn {
  return known.contested?.get(timeline) ?? leftWhenPromoted(known.history, timeline, known.newestHistory);
}
