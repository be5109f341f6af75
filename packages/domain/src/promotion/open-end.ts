import { isCanary } from '../vocabulary/canary-slot.ts';
import type { NodeStatus } from '../vocabulary/node-status.ts';
import type { Promotion } from '../vocabulary/promotion-record.ts';
import { RIVAL_LIFETIME_MS } from '../vocabulary/protocol-timings.ts';
import type { Manifest, SlotEvent } from '../vocabulary/slot-event.ts';
import { isOwnWorkingSlot } from '../vocabulary/slot-name.ts';
import { isLogical } from '../vocabulary/slot-state.ts';
import { historyBefore, sameStart, startsOf, type TimelineHistory } from '../vocabulary/timeline-history.ts';

/**
 * A fence lies beyond what subscribers had confirmed elsewhere when recovery ended. It does not bound what they confirm later, at a primary that is still at work: the former one, or another
 * standby that was promoted as well. Nor is there one where nobody saw recovery end. When these subscribers come, nothing tells how far they are.
 */

/** Another node that was promoted, as it wrote last, and how long it has been silent since. */
export interface OtherPrimary {
  readonly node: string;
  readonly promotion: Promotion;
  readonly silentMs: number;
}

/** Those of the nodes' records that are about it. */
export function otherPrimaries(
  own: string,
  nodes: Iterable<NodeStatus>,
  silentMs: ReadonlyMap<string, number>,
): readonly OtherPrimary[] {
  return [...nodes].flatMap(({ node, role, promotion }) =>
    node !== own && role === 'primary' && promotion !== undefined
      ? [{ node, promotion, silentMs: silentMs.get(node) ?? 0 }]
      : [],
  );
}

/** The nodes that were promoted lately to a branch which a server with this history does not come from: it may publish nothing yet of what its subscribers confirm. */
export function findBranches(history: TimelineHistory, others: readonly OtherPrimary[]): readonly string[] {
  const before = historyBefore(history);
  const starts = before === undefined ? [] : startsOf(before);
  return others
    .filter(({ promotion, silentMs }) => {
      return silentMs <= RIVAL_LIFETIME_MS && !starts.some((start) => sameStart(start, promotion));
    })
    .map(({ node }) => node);
}

/** A record, and when a broker stored it. */
interface Stored<T> {
  readonly record: T;
  readonly writtenAt: number;
}

/** The node whose publisher has written of a former timeline after the hand-off of this server was on record, both by the clock of the brokers: its server outlived the promotion. */
export function findSurvivor(
  own: { readonly node: string; readonly record: Stored<NodeStatus> | undefined },
  manifest: Stored<Manifest> | undefined,
): string | undefined {
  const timeline = own.record?.record.promotion?.timeline;
  if (own.record === undefined || timeline === undefined || manifest === undefined) {
    return undefined;
  }
  const { record, writtenAt } = manifest;
  const isLater = record.timeline < timeline && writtenAt > own.record.writtenAt;
  return isLater && record.node !== own.node ? record.node : undefined;
}

/** What decides whether anything bounds how far subscribers are that come to a promoted server. */
export interface EndSigns {
  readonly history: TimelineHistory;
  readonly others: readonly OtherPrimary[];
  /** Another primary was seen at work after the hand-off. */
  readonly outlived: boolean;
  /** When recovery was seen to end; absent when this process did not see it. */
  readonly endedAtMs: number | undefined;
  /** This promotion as it is on record, by whoever may have seen more. */
  readonly recorded: Promotion | undefined;
}

/** True when nothing does, so that the subscriber of each slot may be ahead, fence or not. */
export function isOpenEnded({ history, others, outlived, endedAtMs, recorded }: EndSigns): boolean {
  const isUnseen = endedAtMs === undefined && recorded === undefined;
  return outlived || isUnseen || findBranches(history, others).length > 0;
}

/** True when a hand-off has told of the slots of all these events, by whatever outcome but that they are fenced. */
export function tellsOfAll({ ahead, lost }: Promotion, events: Iterable<SlotEvent>): boolean {
  const told = new Set(
    [...ahead.filter(({ outcome }) => outcome !== 'fenced'), ...lost].map(({ slot }) => slot),
  );
  return [...events].every((event) => told.has(event.slot) || !isSubscribed(event));
}

function isSubscribed({ op, slot, state }: SlotEvent): boolean {
  return (
    op !== 'drop' && state !== undefined && isLogical(state) && !isOwnWorkingSlot(slot) && !isCanary(state)
  );
}
