import { reason } from '../reasons/reason.ts';
import type { Timeline } from '../vocabulary/identity.ts';
import { type Lsn, laterLsn, minLsn } from '../vocabulary/lsn.ts';
import type { Ownership } from '../vocabulary/node-status.ts';
import type { Reason } from '../vocabulary/reason.ts';
import type { LocalSlot } from '../vocabulary/slot-state.ts';
import { leftAt, partingOf, type TimelineHistory } from '../vocabulary/timeline-history.ts';

/**
 * Where a copy stands, against what its subscriber was ever seen to have confirmed. `sound`: not beyond it, so no change is skipped,
 * whoever moved or made it. `strayed`: beyond it, although all that was published is on record: slotcast did not put it there.
 * `unexplained`: beyond it, and what was published before is not on record, as for a server's own slots after it was the primary.
 */
export type CopyPlace =
  | { readonly kind: 'sound' }
  | { readonly kind: 'strayed' | 'unexplained'; readonly position: Lsn; readonly furthest: Lsn | undefined };

/**
 * Judges where a copy stands. `furthest`: the furthest confirmed position by the events that are known. `recorded`: the same as it was
 * kept with the ownership, for the events that compaction has removed. restart_lsn counts, too: it is never beyond confirmed_flush_lsn
 * on a slot that slotcast made.
 */
export function judgePlace(
  local: LocalSlot,
  known: { readonly furthest: Lsn | undefined; readonly recorded: Lsn | undefined },
): CopyPlace {
  const furthest = laterLsn(known.furthest, known.recorded);
  const position = laterLsn(local.confirmedFlushLsn, local.restartLsn);
  if (position === undefined || (furthest !== undefined && position <= furthest)) {
    return { kind: 'sound' };
  }
  return { kind: known.recorded === undefined ? 'unexplained' : 'strayed', position, furthest };
}

/**
 * The ownership of a copy with what has to outlive the events. Only where the copy is sound: the past of one that is not stays unknown.
 * Nothing beyond replay, because this server may still leave its timeline at any later point, and follow another.
 */
export function rememberFurthest(
  owned: Ownership,
  local: LocalSlot,
  known: { readonly furthest: Lsn | undefined; readonly replayLsn: Lsn },
): Ownership {
  const { furthest, replayLsn } = known;
  const place = judgePlace(local, { furthest, recorded: owned.highestLsn });
  if (furthest === undefined || place.kind !== 'sound') {
    return owned;
  }
  const here = laterLsn(local.confirmedFlushLsn, replayLsn) ?? replayLsn;
  const reached = minLsn(furthest, here);
  return owned.highestLsn !== undefined && owned.highestLsn >= reached
    ? owned
    : { ...owned, highestLsn: reached };
}

/**
 * The ownership of a copy, recorded while its server was on timeline `before`. A standby that crashed can go over to another timeline at a point
 * that it had passed: from the archive, it begins again further back. Its slots stand where they stood, on WAL that it does not have
 * any more, and no position there says anything of the WAL that it has. `published`: the history of the topic, which all that is on record is about; beyond the point where this server's
 * line parts from it nothing counts, whatever the number of the timeline.
 */
export function forgetBeyond(
  owned: Ownership,
  before: Timeline,
  history: TimelineHistory,
  published?: TimelineHistory,
): Ownership {
  const { highestLsn } = owned;
  const left = before < history.timeline ? leftAt(history, before) : undefined;
  const parted = partingOf(history, published)?.lsn;
  const limit = left === undefined || parted === undefined ? (left ?? parted) : minLsn(left, parted);
  return highestLsn === undefined || limit === undefined || highestLsn <= limit
    ? owned
    : { ...owned, highestLsn: limit };
}

/** Why such a copy is not to be used; none for a sound one. */
export function placeReasons(place: CopyPlace): readonly Reason[] {
  switch (place.kind) {
    case 'sound':
      return [];
    case 'strayed':
    case 'unexplained':
      return [reason(place.kind, { position: place.position, furthest: place.furthest })];
  }
}
