import type { Timeline } from '../vocabulary/identity.ts';
import { type Lsn, lsn, maxLsn, minLsn } from '../vocabulary/lsn.ts';
import type { Promotion } from '../vocabulary/promotion-record.ts';
import { type EventOrigin, plausiblyConfirmed, type SlotEvent } from '../vocabulary/slot-event.ts';
import type { SlotName } from '../vocabulary/slot-name.ts';
import { sameStart, startsOf, type TimelineHistory } from '../vocabulary/timeline-history.ts';

/**
 * A logical client that asks for a position beyond its slot's is given only what was committed after that position, without an
 * error (`SnapBuildXactNeedsSkip`). A subscriber that had confirmed WAL which the promoted server never got would so miss all that is
 * committed up to there. The fence pushes the WAL of the new timeline past every such position before anything is committed.
 */

export const divergencePolicies = ['fence', 'quarantine'] as const;
export type DivergencePolicy = (typeof divergencePolicies)[number];

/** Further than this the fence is not pushed: slots whose subscribers are even more ahead are quarantined. */
export const MAX_FENCE_BYTES = 1024n * 1024n * 1024n;

/**
 * What a subscriber may have confirmed after its slot was published for the last time. The publisher looks every few
 * milliseconds, but it dies together with its server.
 */
export const FENCE_MARGIN_BYTES = 16n * 1024n * 1024n;

/** One raising of the fence. */
export interface FencePass {
  /** The end of WAL when it was done: a commit that comes later lies at or beyond it. */
  readonly reachedLsn: Lsn;
  /** True when no transaction had begun since the end of recovery, so that no commit at all lies before `reachedLsn`. */
  readonly clean: boolean;
}

/** A pass, and how much of its WAL had been flushed. */
export interface RaisedFence extends FencePass {
  readonly flushedLsn: Lsn;
}

/** What of it outlasts a crash, after which commits may lie where WAL was that had not been flushed. */
export function lastingPass({ reachedLsn, clean, flushedLsn }: RaisedFence): FencePass {
  return { reachedLsn: minLsn(reachedLsn, flushedLsn), clean };
}

/**
 * How far the fence is to be raised on a server that left its timeline at `switchLsn`, in ascending order: first past what subscribers
 * are known to have confirmed, then past what they may have. `published`: the newest event of each slot on the line of descent until
 * there; `elsewhere`: those on other branches, because a subscriber asks by the number of its position; `lastOrigin`: the newest record of
 * any kind, which tells how much WAL the former primary had at least. The margin is counted from there, because subscribers went on from there
 * while this server may have been far behind.
 */
export function fenceTargets(input: KnownWal): readonly Lsn[] {
  const { confirmed, possible, limit } = knownEnds(input);
  return [minLsn(confirmed, limit), minLsn(possible, limit)];
}

/** What the topic says of the WAL that the former primary had. */
export interface KnownWal {
  readonly published: ReadonlyMap<SlotName, SlotEvent>;
  readonly elsewhere: ReadonlyMap<SlotName, SlotEvent>;
  readonly lastOrigin: EventOrigin | undefined;
  readonly switchLsn: Lsn;
}

/** The ends of that WAL as they are known: what was confirmed, what there was at least, and what there may have been; and how far a fence is pushed at most. */
export function knownEnds({ published, elsewhere, lastOrigin, switchLsn }: KnownWal): {
  readonly confirmed: Lsn;
  readonly written: Lsn;
  readonly possible: Lsn;
  readonly limit: Lsn;
} {
  const events = [...published.values(), ...elsewhere.values()];
  const marks = events.map(plausiblyConfirmed).filter((mark) => mark !== undefined);
  const confirmed = marks.reduce(maxLsn, switchLsn);
  const origins = [...elsewhere.values(), ...(lastOrigin === undefined ? [] : [lastOrigin])];
  const written = origins.map((origin) => origin.lsn).reduce(maxLsn, confirmed);
  const possible = lsn(written + FENCE_MARGIN_BYTES);
  const limit = lsn(switchLsn + MAX_FENCE_BYTES);
  return { confirmed, written, possible, limit };
}

/** True when no change of the new timeline is skipped for a client that asks for `confirmed`. */
export function isFenced(confirmed: Lsn, passes: readonly FencePass[]): boolean {
  return passes.some((pass) => pass.clean && pass.reachedLsn >= confirmed);
}

/** Up to where nothing was committed on earlier timelines of a line of descent, by timeline. */
export type EarlierFences = ReadonlyMap<Timeline, Lsn>;

/**
 * The fences of earlier promotions on this line of descent, as nodes have recorded them. Where several were promoted at the same point, nobody knows which one the line comes from: only what
 * was fenced on all of them is.
 */
export function earlierFences(history: TimelineHistory, promotions: Iterable<Promotion>): EarlierFences {
  const all = [...promotions];
  return new Map(
    startsOf(history).flatMap((start): [Timeline, Lsn][] => {
      const [first, ...more] = all.filter((each) => sameStart(start, each)).map((each) => each.fencedLsn);
      const lowest = more.reduce((low, fence) => low && fence && minLsn(low, fence), first);
      return lowest === undefined ? [] : [[start.timeline, lowest]];
    }),
  );
}

/**
 * True when nothing that a server with this history has is skipped for a client that asks for `confirmed`, and came from WAL that the
 * line left at `leftLsn`: each timeline since then was fenced, or began beyond that position.
 */
export function isFencedSince(
  mark: { readonly confirmed: Lsn; readonly leftLsn: Lsn },
  history: TimelineHistory,
  fences: { readonly passes: readonly FencePass[]; readonly earlier: EarlierFences },
): boolean {
  // Where the other branch left a timeline that this line went on with, commits of that one follow.
  const isLeftHere = history.ancestors.some(({ switchLsn }) => switchLsn === mark.leftLsn);
  if (!isLeftHere && mark.confirmed > mark.leftLsn) {
    return false;
  }
  return startsOf(history)
    .filter(({ switchLsn }) => switchLsn >= mark.leftLsn && switchLsn < mark.confirmed)
    .every(({ timeline }) => {
      const fence = fences.earlier.get(timeline);
      return timeline === history.timeline
        ? isFenced(mark.confirmed, fences.passes)
        : fence !== undefined && fence >= mark.confirmed;
    });
}

/** The furthest position before which nothing was committed on the new timeline. */
export function fencedLsn(passes: readonly FencePass[]): Lsn | undefined {
  const clean = passes.filter((pass) => pass.clean).map((pass) => pass.reachedLsn);
  return clean.length === 0 ? undefined : clean.reduce(maxLsn);
}
