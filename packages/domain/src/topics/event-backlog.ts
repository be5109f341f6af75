import type { Lsn } from '../vocabulary/lsn.ts';
import type { EventOrigin, Manifest, SlotEvent } from '../vocabulary/slot-event.ts';
import type { SlotName } from '../vocabulary/slot-name.ts';
import {
  branchOf,
  type Parting,
  partingOf,
  sameHistory,
  type TimelineHistory,
} from '../vocabulary/timeline-history.ts';
import { type FurthestConfirmed, furthestOn, noteConfirmed, sinceIncarnation } from './furthest-confirmed.ts';
import { MapDraft } from './map-draft.ts';

/** Events of one slot that wait for replay. */
export interface WaitingEvents {
  readonly oldest: SlotEvent;
  readonly newest: SlotEvent;
}

/** What decides whether an event may be applied on this server: its line of descent and how far it has replayed. */
export interface ReplayPoint {
  readonly history: TimelineHistory;
  readonly replayLsn: Lsn;
  /** The history of the topic's newest manifest, which tells how the timelines of its records began; absent where there is none. */
  readonly published?: TimelineHistory | undefined;
}

/** Events read from the topic and not superseded yet: per slot the newest applicable one and those that wait for replay. */
export interface EventBacklog {
  readonly events: ReadonlyMap<SlotName, readonly SlotEvent[]>;
  /** What all events of a slot said of its subscriber, those that were superseded since, too. */
  readonly confirmed: ReadonlyMap<SlotName, readonly FurthestConfirmed[]>;
  readonly manifests: readonly Manifest[];
  /** Slots of which events came since the backlog was settled last. */
  readonly news: ReadonlySet<SlotName>;
  /** What was found then, so that only what changed is looked at again. */
  readonly settled?: SettledState | undefined;
}

/** A point of replay, and where its line parts from the topic's. */
interface PlacedPoint extends ReplayPoint {
  readonly parting: Parting | undefined;
}

/** What was found at a point of replay. */
interface SettledState {
  readonly point: PlacedPoint;
  readonly desired: ReadonlyMap<SlotName, SlotEvent>;
  readonly furthest: ReadonlyMap<SlotName, Lsn>;
  readonly waiting: ReadonlyMap<SlotName, WaitingEvents>;
  /** Where replay makes the next of the waiting events applicable; without slots whose events wait for another timeline. */
  readonly dueAt: ReadonlyMap<SlotName, Lsn>;
}

/** The state of all slots at this server's own point in WAL. */
export interface SettledBacklog {
  readonly backlog: EventBacklog;
  /** Per slot the newest applicable event. */
  readonly desired: ReadonlyMap<SlotName, SlotEvent>;
  /** Of the incarnation that `desired` is about: the furthest that its subscriber was ever seen to have confirmed. */
  readonly furthest: ReadonlyMap<SlotName, Lsn>;
  /** Newest applicable manifest. */
  readonly manifest?: Manifest | undefined;
  /** Events that wait for replay to reach them. */
  readonly waiting: ReadonlyMap<SlotName, WaitingEvents>;
  /** The next position of replay at which an event becomes applicable; absent when none waits for replay alone. */
  readonly nextDueLsn?: Lsn | undefined;
}

/**
 * Events kept for one slot; beyond it they are thinned in the middle, never at the ends. What has become applicable
 * leaves the list in `settle` only, so call it between the batches of a long history.
 */
export const MAX_WAITING_PER_SLOT = 512;

const LSN_BITS = 63n;

export const emptyBacklog: EventBacklog = {
  events: new Map(),
  confirmed: new Map(),
  manifests: [],
  news: new Set(),
};

/** Takes records that were accepted (`foldSlots`), in their order. */
export function ingest(backlog: EventBacklog, records: readonly (SlotEvent | Manifest)[]): EventBacklog {
  const grown = new Map<SlotName, SlotEvent[]>();
  const confirmed = new MapDraft(backlog.confirmed);
  let { manifests } = backlog;
  for (const event of records) {
    if (event.kind === 'manifest') {
      manifests = thinned([...manifests, event]);
    } else {
      const list = grown.get(event.slot) ?? [...(backlog.events.get(event.slot) ?? [])];
      list.push(event);
      grown.set(event.slot, thinned(list));
      confirmed.set(event.slot, noteConfirmed(confirmed.map.get(event.slot) ?? [], event));
    }
  }
  const events = new MapDraft(backlog.events);
  grown.forEach((list, slot) => events.set(slot, list));
  const news = grown.size === 0 ? backlog.news : new Set([...backlog.news, ...grown.keys()]);
  return { events: events.map, confirmed: confirmed.map, manifests, news, settled: backlog.settled };
}

/**
 * Finds the slot state at this point of replay, and forgets what it supersedes or what lies on a branch left behind. Slots without news whose
 * waiting events replay has not reached are as they were when the backlog was settled last, unless replay went back or over to another timeline.
 */
export function settle(backlog: EventBacklog, replay: ReplayPoint): SettledBacklog {
  const point = { ...replay, parting: partingOf(replay.history, replay.published) };
  const before = stillValid(backlog.settled, point);
  const drafts = new SettledDrafts(backlog, before);
  for (const slot of before === undefined ? backlog.events.keys() : changedSlots(backlog, before, point)) {
    drafts.settleSlot(slot, point);
  }
  const manifests = settleList(backlog.manifests, point);
  const settled = drafts.state(point);
  const { desired, furthest, waiting } = settled;
  return {
    backlog: {
      events: drafts.events.map,
      confirmed: drafts.confirmed.map,
      manifests: manifests.newest === undefined ? manifests.rest : [manifests.newest, ...manifests.rest],
      news: new Set(),
      settled,
    },
    desired,
    furthest,
    manifest: manifests.newest,
    waiting,
    nextDueLsn: [...settled.dueAt.values(), ...dueOf(manifests.rest, point)].reduce<Lsn | undefined>(
      (first, due) => (first === undefined || due < first ? due : first),
      undefined,
    ),
  };
}

function stillValid(settled: SettledState | undefined, point: PlacedPoint): SettledState | undefined {
  return settled !== undefined &&
    settled.point.replayLsn <= point.replayLsn &&
    sameHistory(settled.point.history, point.history) &&
    settled.point.parting?.timeline === point.parting?.timeline
    ? settled
    : undefined;
}

/** Slots with news, and those of which replay has reached an event that waited. */
function changedSlots(backlog: EventBacklog, { dueAt }: SettledState, point: PlacedPoint): Set<SlotName> {
  const changed = new Set(backlog.news);
  for (const [slot, due] of dueAt) {
    if (due <= point.replayLsn) {
      changed.add(slot);
    }
  }
  return changed;
}

/** A backlog that is being settled, beginning with what was found the last time. */
class SettledDrafts {
  readonly events: MapDraft<SlotName, readonly SlotEvent[]>;
  readonly confirmed: MapDraft<SlotName, readonly FurthestConfirmed[]>;
  readonly #desired: MapDraft<SlotName, SlotEvent>;
  readonly #furthest: MapDraft<SlotName, Lsn>;
  readonly #waiting: MapDraft<SlotName, WaitingEvents>;
  readonly #dueAt: MapDraft<SlotName, Lsn>;

  constructor(backlog: EventBacklog, before: SettledState | undefined) {
    this.events = new MapDraft(backlog.events);
    this.confirmed = new MapDraft(backlog.confirmed);
    this.#desired = new MapDraft(before?.desired ?? new Map());
    this.#furthest = new MapDraft(before?.furthest ?? new Map());
    this.#waiting = new MapDraft(before?.waiting ?? new Map());
    this.#dueAt = new MapDraft(before?.dueAt ?? new Map());
  }

  settleSlot(slot: SlotName, point: PlacedPoint): void {
    const { newest, rest } = settleList(this.events.map.get(slot) ?? [], point);
    const all = this.confirmed.map.get(slot) ?? [];
    const known = newest === undefined ? all : sinceIncarnation(all, newest.incarnation);
    const kept = newest === undefined ? rest : [newest, ...rest];
    const [oldest] = rest;
    const last = rest.at(-1);
    this.events.set(slot, kept.length > 0 ? kept : undefined);
    this.confirmed.set(slot, kept.length > 0 ? known : undefined);
    this.#desired.set(slot, newest);
    this.#furthest.set(slot, newest && furthestOn(known, newest.incarnation, point.history, point.parting));
    this.#waiting.set(slot, oldest && last && { oldest, newest: last });
    this.#dueAt.set(slot, dueOf(rest, point)[0]);
  }

  state(point: PlacedPoint): SettledState {
    return {
      point,
      desired: this.#desired.map,
      furthest: this.#furthest.map,
      waiting: this.#waiting.map,
      dueAt: this.#dueAt.map,
    };
  }
}

/** The lowest position at which replay makes one of the events applicable; none where all are of timelines that are not known here. */
function dueOf(
  waiting: readonly EventOrigin[],
  { history, parting }: PlacedPoint,
): readonly [] | readonly [Lsn] {
  let due: Lsn | undefined;
  for (const event of waiting) {
    if ((due === undefined || event.lsn < due) && branchOf(history, event, parting) === 'on_history') {
      due = event.lsn;
    }
  }
  return due === undefined ? [] : [due];
}

/** True when the event lies on this server's own history and replay has reached it. */
export function isApplicable(
  event: EventOrigin,
  point: ReplayPoint & { readonly parting?: Parting | undefined },
): boolean {
  return branchOf(point.history, event, point.parting) === 'on_history' && event.lsn <= point.replayLsn;
}

function settleList<T extends EventOrigin>(
  list: readonly T[],
  point: PlacedPoint,
): { readonly newest: T | undefined; readonly rest: readonly T[] } {
  let newest: T | undefined;
  let rest: T[] = [];
  for (const event of list) {
    if (isApplicable(event, point)) {
      newest = event;
      rest = [];
    } else if (branchOf(point.history, event, point.parting) !== 'other_branch') {
      rest.push(event);
    }
  }
  return { newest, rest };
}

/**
 * Leaves out events of a list that grew too long: of each stretch of WAL only the last one stays, so that a standby that is
 * hours behind still finds events all along its way. Stretches are aligned to multiples of their length, a power of two: what stays
 * once stays the last of its stretch. Neither the first two (the applied event, and the oldest that waits) nor the last one goes.
 */
function thinned<T extends EventOrigin>(list: T[]): T[] {
  let kept = list;
  for (
    let bits = 0n;
    kept.length > MAX_WAITING_PER_SLOT / 2 && list.length > MAX_WAITING_PER_SLOT;
    bits += 1n
  ) {
    kept = kept.filter((event, index) => {
      const next = kept[index + 1];
      return index < 2 || next === undefined || !sameStretch(event, next, bits);
    });
    if (bits === LSN_BITS) {
      break;
    }
  }
  return kept;
}

/** LSNs of different timelines are never compared. */
function sameStretch(a: EventOrigin, b: EventOrigin, bits: bigint): boolean {
  return a.timeline === b.timeline && a.lsn >> bits === b.lsn >> bits;
}
