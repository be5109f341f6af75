import type { Timeline } from '../vocabulary/identity.ts';
import { type Lsn, maxLsn, minLsn } from '../vocabulary/lsn.ts';
import {
  confirmedWithin,
  type Incarnation,
  type SlotEvent,
  sameIncarnation,
} from '../vocabulary/slot-event.ts';
import { leftAt, type Parting, type TimelineHistory } from '../vocabulary/timeline-history.ts';

/**
 * The furthest that the subscriber of one incarnation of a slot was seen to have confirmed, on each timeline of the topic's line: no claim goes on from another one. The newest event does
 * not tell: a crash restart of the primary takes its slot back, and compaction removes the older events.
 */
export interface FurthestConfirmed {
  readonly incarnation: Incarnation;
  readonly byTimeline: ReadonlyMap<Timeline, Lsn>;
}

/** What is known of a slot's incarnations, with one more event. */
export function noteConfirmed(
  known: readonly FurthestConfirmed[],
  event: SlotEvent,
): readonly FurthestConfirmed[] {
  const confirmed = confirmedWithin(event);
  const before = known.find(({ incarnation }) => sameIncarnation(incarnation, event.incarnation));
  const most = before?.byTimeline.get(event.timeline);
  if (confirmed === undefined || (most !== undefined && most >= confirmed)) {
    return known;
  }
  const byTimeline = new Map(before?.byTimeline ?? []).set(event.timeline, confirmed);
  return [...known.filter((each) => each !== before), { incarnation: event.incarnation, byTimeline }];
}

/** Without the incarnations that came before this one. */
export function sinceIncarnation(
  known: readonly FurthestConfirmed[],
  { epoch, seq }: Incarnation,
): readonly FurthestConfirmed[] {
  return known.filter(
    ({ incarnation }) => incarnation.epoch > epoch || (incarnation.epoch === epoch && incarnation.seq >= seq),
  );
}

/**
 * The furthest confirmed position of an incarnation that lies on this line of descent. Of WAL that the line left behind, and of timelines
 * that it does not know, nothing counts. `parting`: where it parts from the topic's line; a timeline after that is another one, whatever its number.
 */
export function furthestOn(
  known: readonly FurthestConfirmed[],
  incarnation: Incarnation,
  history: TimelineHistory,
  parting?: Parting,
): Lsn | undefined {
  const { byTimeline } = known.find((each) => sameIncarnation(each.incarnation, incarnation)) ?? {};
  return [...(byTimeline ?? [])]
    .filter(([timeline]) => parting === undefined || timeline <= parting.timeline)
    .flatMap(([timeline, confirmed]) => {
      if (timeline === history.timeline) {
        return [confirmed];
      }
      const isAncestor = history.ancestors.some((ancestor) => ancestor.timeline === timeline);
      return isAncestor ? [minLsn(confirmed, leftAt(history, timeline))] : [];
    })
    .reduce<Lsn | undefined>((most, position) => maxLsn(most ?? position, position), undefined);
}
