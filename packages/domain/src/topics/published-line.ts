import type { LastWord } from '../vocabulary/last-word.ts';
import { type Lsn, lsn, minLsn } from '../vocabulary/lsn.ts';
import { compareOrder, type EventOrigin, type Manifest, type SlotEvent } from '../vocabulary/slot-event.ts';
import type { SlotName } from '../vocabulary/slot-name.ts';
import {
  branchOf,
  descendsFrom,
  partingOf,
  sameHistory,
  type TimelineHistory,
} from '../vocabulary/timeline-history.ts';
import { type EventBacklog, settle } from './event-backlog.ts';
import { findOrphan, keptNames, orphansOf } from './orphaned-slots.ts';

/** All that was published on one line of descent, whether a server has replayed it or not. */
export interface PublishedLine {
  /** The newest event of each slot that is not known to be gone. */
  readonly published: ReadonlyMap<SlotName, SlotEvent>;
  /** Of the incarnations that `published` is about: the furthest that their subscribers were ever seen to have confirmed. */
  readonly furthest: ReadonlyMap<SlotName, Lsn>;
  readonly manifest: Manifest | undefined;
  /** The newest record of any kind. */
  readonly lastOrigin: EventOrigin | undefined;
  /**
   * The newest event of each live slot whose newest event lies on another branch: its subscriber was served by a server that this line does not
   * come from, and asks for a position by its number alone.
   */
  readonly elsewhere: ReadonlyMap<SlotName, SlotEvent>;
  /** Those of `published` and `elsewhere` that the primary before did not have either. */
  readonly orphaned: ReadonlySet<SlotName>;
  /** Of the newest manifest, wherever it lies. */
  readonly lineage: string | undefined;
  readonly newestHistory: TimelineHistory | undefined;
  /** Absent when nobody was heard of, or that is not known here. */
  readonly word?: LastWord | undefined;
}

/** The newest records of a topic, of whatever branch. */
export interface NewestRecords {
  /** Of each slot whose newest event is no drop. */
  readonly events: ReadonlyMap<SlotName, SlotEvent>;
  readonly manifest: Manifest | undefined;
}

/** Nothing is known of what was published. */
export const emptyLine: PublishedLine = {
  published: new Map(),
  furthest: new Map(),
  manifest: undefined,
  lastOrigin: undefined,
  elsewhere: new Map(),
  orphaned: new Set(),
  lineage: undefined,
  newestHistory: undefined,
};

const FURTHEST: Lsn = lsn(2n ** 63n - 1n);

/** The last of them in event order; `undefined` of none. */
export function newestOrigin(origins: readonly EventOrigin[]): EventOrigin | undefined {
  return origins.reduce<EventOrigin | undefined>(
    (last, origin) => (last === undefined || compareOrder(origin, last) > 0 ? origin : last),
    undefined,
  );
}

/** The newest state of every slot on this line of descent, however far ahead it lies. */
export function publishedOn(
  backlog: EventBacklog,
  history: TimelineHistory,
  newest: NewestRecords,
): PublishedLine {
  const { lineage, history: newestHistory } = newest.manifest ?? {};
  const parting = partingOf(history, newestHistory);
  const point = { history, replayLsn: FURTHEST, published: newestHistory };
  const { desired, furthest, manifest } = settle(backlog, point);
  const published = keptEvents(desired, manifest);
  const origins: EventOrigin[] = [...desired.values(), ...(manifest === undefined ? [] : [manifest])];
  const lastOrigin = newestOrigin(origins);
  const elsewhere = new Map(
    [...keptEvents(newest.events, newest.manifest)].filter(
      ([, event]) => branchOf(history, event, parting) !== 'on_history',
    ),
  );
  const orphans = orphansOf(newest.manifest);
  const orphaned = new Set(
    [...published.values(), ...elsewhere.values()].flatMap(({ slot, incarnation }) =>
      findOrphan(orphans, incarnation) === undefined ? [] : [slot],
    ),
  );
  return { published, furthest, manifest, lastOrigin, elsewhere, orphaned, lineage, newestHistory };
}

/**
 * What was published on the line `was`, as a server has to see it that came by another one: where the two have parted, all that follows was published elsewhere, also on timelines whose
 * numbers are those of this server's.
 */
export function seenFrom(line: PublishedLine, was: TimelineHistory, now: TimelineHistory): PublishedLine {
  if (descendsFrom(now, was)) {
    return line;
  }
  const parting = partingOf(now, was);
  const isHere = (event: SlotEvent): boolean => branchOf(now, event, parting) === 'on_history';
  const published = new Map([...line.published].filter(([, event]) => isHere(event)));
  const elsewhere = new Map([
    ...[...line.published].filter(([, event]) => !isHere(event)),
    ...line.elsewhere,
  ]);
  const furthest = new Map(
    [...line.furthest].map(([slot, lsn]) => [slot, parting === undefined ? lsn : minLsn(lsn, parting.lsn)]),
  );
  return { ...line, published, elsewhere, furthest, newestHistory: line.newestHistory ?? was };
}

/**
 * The line as a promoted server of this node has to see it: what its own publisher has written of the new timeline already is no other branch.
 * That is so for a process that comes late to a hand-off which another one has finished. Where the publisher wrote of a timeline of the same number that began
 * elsewhere, as before the server was cloned anew, that is another branch.
 */
export function besideOwn(
  line: PublishedLine,
  own: { readonly node: string; readonly history: TimelineHistory },
): PublishedLine {
  const { newestHistory } = line;
  if (newestHistory === undefined || !sameHistory(newestHistory, own.history)) {
    return line;
  }
  const isOther = (event: SlotEvent): boolean =>
    event.timeline !== own.history.timeline || event.node !== own.node;
  return { ...line, elsewhere: new Map([...line.elsewhere].filter(([, event]) => isOther(event))) };
}

/** Without slots that were dropped, or that a newer manifest no longer has. */
function keptEvents(
  events: ReadonlyMap<SlotName, SlotEvent>,
  manifest: Manifest | undefined,
): Map<SlotName, SlotEvent> {
  const names = keptNames(manifest);
  return new Map(
    [...events].filter(
      ([name, event]) => event.op !== 'drop' && !isMissing({ manifest, listed: names.has(name) }, event),
    ),
  );
}

const listed = new WeakMap<Manifest, ReadonlySet<SlotName>>();
const none: ReadonlySet<SlotName> = new Set();

/** The slots that a manifest lists, made once for many questions. */
export function listedSlots(manifest: Manifest | undefined): ReadonlySet<SlotName> {
  if (manifest === undefined) {
    return none;
  }
  const known = listed.get(manifest);
  if (known !== undefined) {
    return known;
  }
  const names = new Set(manifest.slots.map((slot) => slot.name));
  listed.set(manifest, names);
  return names;
}

/** True when a manifest that is newer than the event no longer lists its slot: compaction has removed the drop. */
export function isMissing(
  { manifest, listed }: { readonly manifest: Manifest | undefined; readonly listed: boolean },
  event: SlotEvent,
): boolean {
  return manifest !== undefined && compareOrder(manifest, event) > 0 && !listed;
}
