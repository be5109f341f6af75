import { isCanary } from '../vocabulary/canary-slot.ts';
import type { Lsn } from '../vocabulary/lsn.ts';
import type { NodeStatus } from '../vocabulary/node-status.ts';
import type { Promotion } from '../vocabulary/promotion-record.ts';
import { RIVAL_LIFETIME_MS } from '../vocabulary/protocol-timings.ts';
import type { Manifest, SlotEvent } from '../vocabulary/slot-event.ts';
import { isOwnWorkingSlot, type SlotName } from '../vocabulary/slot-name.ts';
import { isLogical } from '../vocabulary/slot-state.ts';
import {
  historyBefore,
  lastSwitch,
  sameStart,
  startsOf,
  type TimelineHistory,
} from '../vocabulary/timeline-history.ts';

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

/** What a publisher has written of a former timeline since a promotion. */
export type Survivor = Pick<Manifest, 'node' | 'timeline' | 'lsn'>;

/** The publisher that has written of a former timeline after the hand-off of this server was on record, both by the clock of the brokers: its server outlived the promotion, or what it wrote before came late. */
export function findSurvivor(
  own: { readonly node: string; readonly record: Stored<NodeStatus> | undefined },
  manifest: Stored<Manifest> | undefined,
): Survivor | undefined {
  const timeline = own.record?.record.promotion?.timeline;
  if (own.record === undefined || timeline === undefined || manifest === undefined) {
    return undefined;
  }
  const { record, writtenAt } = manifest;
  const isLater = record.timeline < timeline && writtenAt > own.record.writtenAt;
  return isLater && record.node !== own.node ? record : undefined;
}

/** Other primaries that were seen at work after the hand-off was on record. */
export interface Outlived {
  readonly survivor: Survivor | undefined;
  readonly branches: readonly string[];
}

/**
 * What tells one such sight from the next: their nodes, and whether the server of the survivor had written beyond where this one left it. One that had not may have been shut down since, and its word be
 * late; one that had may have been started again.
 */
export function outlivedBy({ survivor, branches }: Outlived, { switchLsn }: Promotion): readonly string[] {
  const place = survivor !== undefined && survivor.lsn >= switchLsn ? 'beyond' : 'up to';
  return [...(survivor === undefined ? [] : [`${survivor.node} ${place} the switch`]), ...branches];
}

/** What decides whether anything bounds how far subscribers are that come to a promoted server. */
export interface EndSigns {
  readonly history: TimelineHistory;
  readonly others: readonly OtherPrimary[];
  /** Absent where none was looked for. */
  readonly outlived: Outlived | undefined;
  /** Where the record of the shutdown begins that the server before ended with; absent unless that is proven. */
  readonly shutdownLsn: Lsn | undefined;
  /** When recovery was seen to end; absent when this process did not see it. */
  readonly endedAtMs: number | undefined;
  /** This promotion as it is on record, by whoever may have seen more. */
  readonly recorded: Promotion | undefined;
}

/** Why nothing bounds it: nobody saw recovery end, or other primaries are at work. */
export interface OpenEnd {
  readonly isUnseen: boolean;
  readonly survivor: Survivor | undefined;
  readonly branches: readonly string[];
}

/** Why nothing does, so that the subscriber of each slot may be ahead, fence or not; `undefined` when something does. */
export function findOpenEnd(signs: EndSigns): OpenEnd | undefined {
  const { history, others, outlived, endedAtMs, recorded } = signs;
  const isUnseen = endedAtMs === undefined && recorded === undefined;
  const branches = [...new Set([...(outlived?.branches ?? []), ...findBranches(history, others)])];
  const survivor = outlived?.survivor;
  const alive = survivor !== undefined && !isLateWord(survivor, signs) ? survivor : undefined;
  return isUnseen || branches.length > 0 || alive !== undefined
    ? { isUnseen, survivor: alive, branches }
    : undefined;
}

/**
 * True of what the server before had written when it was looked at before its shutdown, though it was stored later. One that was started again has flushed WAL beyond the record of the shutdown, before
 * anybody can look at it.
 */
function isLateWord({ timeline, lsn }: Survivor, { history, shutdownLsn }: EndSigns): boolean {
  return shutdownLsn !== undefined && timeline === lastSwitch(history)?.timeline && lsn <= shutdownLsn;
}

/** True when a hand-off has told of the slots of all these events, by whatever outcome but that they are fenced. */
export function tellsOfAll(promotion: Promotion, events: Iterable<SlotEvent>): boolean {
  return untoldSlots(promotion, events).length === 0;
}

/** Those of which it has not. */
export function untoldSlots({ ahead, lost }: Promotion, events: Iterable<SlotEvent>): readonly SlotName[] {
  const told = new Set(
    [...ahead.filter(({ outcome }) => outcome !== 'fenced'), ...lost].map(({ slot }) => slot),
  );
  return [...events].filter((event) => isSubscribed(event) && !told.has(event.slot)).map(({ slot }) => slot);
}

function isSubscribed({ op, slot, state }: SlotEvent): boolean {
  return (
    op !== 'drop' && state !== undefined && isLogical(state) && !isOwnWorkingSlot(slot) && !isCanary(state)
  );
}
