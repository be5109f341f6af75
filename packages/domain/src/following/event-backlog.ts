import { formatLsn, type Lsn } from '../vocabulary/lsn.ts';
import type { EventOrigin, Manifest, SlotEvent } from '../vocabulary/slot-event.ts';
import type { SlotName } from '../vocabulary/slot-name.ts';
import { branchOf, type TimelineHistory } from '../vocabulary/timeline-history.ts';
import { type FurthestConfirmed, furthestOn, noteConfirmed, sinceIncarnation } from './furthest-confirmed.ts';
import type { WaitingEvents } from './slot-readiness.ts';

/** What decides whether an event may be applied on this server: its line of descent and how far it has replayed. */
export interface ReplayPoint {
  readonly history: TimelineHistory;
  readonly replayLsn: Lsn;
}

/** Events read from the topic and not superseded yet: per slot the newest applicable one and those that wait for replay. */
export interface EventBacklog {
  /** The last accepted record; offsets of the topic must agree with its order. */
  readonly last?: EventOrigin | undefined;
  readonly events: ReadonlyMap<SlotName, readonly SlotEvent[]>;
  /** What all events of a slot said of its subscriber, those that were superseded since, too. */
  readonly confirmed: ReadonlyMap<SlotName, readonly FurthestConfirmed[]>;
  readonly manifests: readonly Manifest[];
}

export interface RejectedEvent {
  readonly event: SlotEvent | Manifest;
  readonly reason: string;
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
}

/**
 * Events kept for one slot; beyond it they are thinned in the middle, never at the ends. What has become applicable
 * leaves the list in `settle` only, so call it between the batches of a long history.
 */
export const MAX_WAITING_PER_SLOT = 512;

const LSN_BITS = 63n;

export const emptyBacklog: EventBacklog = { events: new Map(), confirmed: new Map(), manifests: [] };

/**
 * Takes records in the order of their offsets. A record that does not follow the last one in event order is
 * rejected: applied, it would turn the clock back.
 */
export function ingest(
  backlog: EventBacklog,
  records: readonly (SlotEvent | Manifest)[],
): { readonly backlog: EventBacklog; readonly rejected: readonly RejectedEvent[] } {
  const grown = new Map<SlotName, SlotEvent[]>();
  const confirmed = new Map<SlotName, readonly FurthestConfirmed[]>();
  let manifests = [...backlog.manifests];
  const rejected: RejectedEvent[] = [];
  let last = backlog.last;
  for (const event of records) {
    if (last !== undefined && repeatsDrop(last, event)) {
      continue;
    }
    if (last !== undefined && compareOrder(event, last) <= 0) {
      rejected.push({ event, reason: `${describeOrigin(event)} came after ${describeOrigin(last)}` });
      continue;
    }
    last = event;
    if (event.kind === 'manifest') {
      manifests.push(event);
      manifests = thinned(manifests);
    } else {
      const list = grown.get(event.slot) ?? [...(backlog.events.get(event.slot) ?? [])];
      list.push(event);
      grown.set(event.slot, thinned(list));
      const known = confirmed.get(event.slot) ?? backlog.confirmed.get(event.slot) ?? [];
      confirmed.set(event.slot, noteConfirmed(known, event));
    }
  }
  return {
    backlog: {
      last,
      events: new Map([...backlog.events, ...grown]),
      confirmed: new Map([...backlog.confirmed, ...confirmed]),
      manifests,
    },
    rejected,
  };
}

/** Finds the slot state at this point of replay, and forgets what it supersedes or what lies on a branch left behind. */
export function settle(backlog: EventBacklog, point: ReplayPoint): SettledBacklog {
  const events = new Map<SlotName, readonly SlotEvent[]>();
  const desired = new Map<SlotName, SlotEvent>();
  const confirmed = new Map<SlotName, readonly FurthestConfirmed[]>();
  const furthest = new Map<SlotName, Lsn>();
  const waiting = new Map<SlotName, WaitingEvents>();
  for (const [slot, list] of backlog.events) {
    const { newest, rest } = settleList(list, point);
    let known = backlog.confirmed.get(slot) ?? [];
    if (newest !== undefined) {
      desired.set(slot, newest);
      known = sinceIncarnation(known, newest.incarnation);
      const position = furthestOn(known, newest.incarnation, point.history);
      if (position !== undefined) {
        furthest.set(slot, position);
      }
    }
    const [oldest] = rest;
    const last = rest.at(-1);
    if (oldest !== undefined && last !== undefined) {
      waiting.set(slot, { oldest, newest: last });
    }
    const kept = newest === undefined ? rest : [newest, ...rest];
    if (kept.length > 0) {
      events.set(slot, kept);
      confirmed.set(slot, known);
    }
  }
  const manifests = settleList(backlog.manifests, point);
  return {
    backlog: {
      last: backlog.last,
      events,
      confirmed,
      manifests: manifests.newest === undefined ? manifests.rest : [manifests.newest, ...manifests.rest],
    },
    desired,
    furthest,
    manifest: manifests.newest,
    waiting,
  };
}

/** True when the event lies on this server's own history and replay has reached it. */
export function isApplicable(event: EventOrigin, point: ReplayPoint): boolean {
  return branchOf(point.history, event) === 'on_history' && event.lsn <= point.replayLsn;
}

/** Compares by `(timeline, epoch, seq)`: negative when `a` comes first. */
export function compareOrder(a: EventOrigin, b: EventOrigin): number {
  return a.timeline - b.timeline || a.epoch - b.epoch || a.seq - b.seq;
}

function settleList<T extends EventOrigin>(
  list: readonly T[],
  point: ReplayPoint,
): { readonly newest: T | undefined; readonly rest: readonly T[] } {
  let newest: T | undefined;
  let rest: T[] = [];
  for (const event of list) {
    if (isApplicable(event, point)) {
      newest = event;
      rest = [];
    } else if (branchOf(point.history, event) !== 'other_branch') {
      rest.push(event);
    }
  }
  return { newest, rest };
}

/** A drop is written twice, as a last state and as a tombstone, with the same headers. */
function repeatsDrop(last: EventOrigin, event: SlotEvent | Manifest): boolean {
  return event.kind === 'slot' && event.op === 'drop' && compareOrder(last, event) === 0;
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

function describeOrigin(event: EventOrigin): string {
  return `event (timeline ${event.timeline}, epoch ${event.epoch}, seq ${event.seq}) at ${formatLsn(event.lsn)} of node ${event.node}`;
}
