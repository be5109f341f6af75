import { reason } from '../reasons/reason.ts';
import { type Lsn } from '../vocabulary/lsn.ts';
import type { Ownership } from '../vocabulary/node-status.ts';
import type { Reason } from '../vocabulary/reason.ts';
import type { SlotName } from '../vocabulary/slot-name.ts';
import { isInvalidated, isLogical, type LocalSlot } from '../vocabulary/slot-state.ts';
import { judgePin } from './catalog-pin.ts';
import type { PinFacts, PinLink } from './pin-path.ts';
import type { Probe } from './plan-input.ts';

/**
 * A slot that holds back catalog rows while others are made: a temporary one of this process, the anchor, which does nothing else, or a probe,
 * which is copied; or a copy that stands here already.
 */
export interface WorkingSlot {
  readonly name: string;
  readonly isStanding?: boolean | undefined;
  /** The working slot for which the pin had been seen when this one, a probe, was begun. */
  readonly under?: string | undefined;
}

/** What is remembered of a working slot that the server showed with a `catalog_xmin`. That of a temporary slot never moves. */
export interface NotedSlot {
  readonly catalogXmin: number;
  /** All WAL that this server had when the slot was there already. */
  readonly receivedLsn: Lsn;
  /** The primary on which catalog rows were seen to be held back for it. */
  readonly pinnedOn?: string | undefined;
  /** The primary's position at that time: what is decoded from there on finds its catalog rows. */
  readonly pinnedSince?: Lsn | undefined;
  /** Rows that it needs may have been removed. */
  readonly lost?: true | undefined;
}

export type NotedSlots = ReadonlyMap<string, NotedSlot>;

/** Whether a slot that is begun now finds all the catalog rows that it needs. */
export type MakingPin =
  /** No slot here keeps them: an anchor comes first. */
  | { readonly kind: 'none' }
  | {
      readonly kind: 'awaited';
      readonly reasons: readonly Reason[];
      /** WAL has to be written before it can be told. */
      readonly wantsWal: boolean;
    }
  /** As long as `under` lasts. */
  | { readonly kind: 'held'; readonly under: string };

export type PinProof =
  /** From the primary's position `since` on nothing was removed that a slot like this needs. */
  | { readonly kind: 'seen'; readonly since: Lsn }
  | { readonly kind: 'awaited'; readonly reasons: readonly Reason[]; readonly wantsWal: boolean };

/**
 * Whether the primary is known to hold back catalog rows for a slot here, and goes on with it while the slot lasts. A physical slot that shows a
 * `catalog_xmin` does not say whose that is: it may stem from a slot here that is gone, and the message that takes it back may be on its way.
 * WAL tells: what a standby reports as received goes the same way as its feedback, in order (`XLogWalRcvSendReply`, `XLogWalRcvSendHSFeedback`).
 * So a physical slot whose `restart_lsn` lies beyond all WAL that this server had when its slot was there has heard all that was sent before,
 * and whatever comes after that is sent with the slot in place. The same holds for each server in between and what it told in one record.
 */
export function provePin(pin: PinFacts, slot: Pick<NotedSlot, 'catalogXmin' | 'receivedLsn'>): PinProof {
  const stale = pin.links.find((link) => !hasReported(link, slot.receivedLsn));
  const judged = judgePin(pin, slot.catalogXmin);
  if (judged.kind === 'blocked') {
    return { kind: 'awaited', reasons: judged.reasons, wantsWal: stale !== undefined };
  }
  if (stale !== undefined) {
    const { slot: name, holder, restartLsn: now } = stale;
    const beyond = boundOf(stale, slot.receivedLsn) ?? slot.receivedLsn;
    const why = reason('pin_stale', { slot: name, holder, beyond, now });
    return { kind: 'awaited', reasons: [why], wantsWal: true };
  }
  const since = pin.links.reduce<Lsn | undefined>((latest, { seenLsn }) => later(latest, seenLsn), undefined);
  return since === undefined
    ? { kind: 'awaited', reasons: [reason('pin_slot_not_seen')], wantsWal: false }
    : { kind: 'seen', since };
}

function hasReported(link: PinLink, receivedLsn: Lsn): boolean {
  const bound = boundOf(link, receivedLsn);
  return bound !== undefined && link.restartLsn !== undefined && link.restartLsn > bound;
}

function boundOf({ streamer }: PinLink, receivedLsn: Lsn): Lsn | undefined {
  return streamer === undefined ? receivedLsn : streamer.receivedLsn;
}

function later(a: Lsn | undefined, b: Lsn | undefined): Lsn | undefined {
  return a === undefined || (b !== undefined && b > a) ? b : a;
}

interface Seen {
  readonly working: readonly WorkingSlot[];
  readonly local: readonly LocalSlot[];
  /** All WAL that this server has. */
  readonly endOfWal: Lsn;
  readonly replayLsn: Lsn;
  readonly pin: PinFacts;
}

/** Brings up to date what is remembered of the working slots. */
export function noteWorkingSlots(known: NotedSlots, seen: Seen): NotedSlots {
  const names = new Set<string>(seen.working.flatMap(({ name, under }) => [name, under ?? name]));
  const rows = new Map(
    seen.local.filter(({ name }) => names.has(name)).map((row) => [row.name as string, row]),
  );
  const noted = new Map<string, NotedSlot>();
  for (const slot of seen.working) {
    const now = noteSlot(slot, { before: known.get(slot.name), row: rows.get(slot.name) }, known, seen, rows);
    if (now !== undefined) {
      noted.set(slot.name, now);
    }
  }
  return noted;
}

function noteSlot(
  slot: WorkingSlot,
  { before, row }: { before: NotedSlot | undefined; row: LocalSlot | undefined },
  known: NotedSlots,
  seen: Seen,
  rows: ReadonlyMap<string, LocalSlot>,
): NotedSlot | undefined {
  if (before?.lost === true) {
    return before;
  }
  if (row?.catalogXmin === undefined) {
    return before === undefined ? undefined : { ...before, lost: true };
  }
  const now = { receivedLsn: seen.endOfWal, ...before, catalogXmin: row.catalogXmin };
  if (isInvalidated(row)) {
    return { ...now, lost: true };
  }
  if (now.pinnedOn !== undefined) {
    return isStillPinned(now, seen.pin) ? now : { ...now, lost: true };
  }
  if (slot.under !== undefined) {
    const under = known.get(slot.under);
    // The other one was there before this one, and is there after this one got its catalog_xmin.
    const lasts = rows.has(slot.under) && under?.lost !== true && under?.pinnedOn !== undefined;
    const pinned = { ...now, pinnedOn: under?.pinnedOn, pinnedSince: under?.pinnedSince };
    return lasts && isStillPinned(pinned, seen.pin) ? pinned : { ...now, lost: true };
  }
  const proof = provePin(seen.pin, now);
  return proof.kind === 'seen' ? { ...now, pinnedOn: seen.pin.primary, pinnedSince: proof.since } : now;
}

function isStillPinned({ pinnedOn, catalogXmin }: NotedSlot, pin: PinFacts): boolean {
  return pin.primary === pinnedOn && judgePin(pin, catalogXmin).kind === 'held';
}

/** What a slot that is begun now can rely on. */
export function judgeMaking(noted: NotedSlots, seen: Seen): MakingPin {
  const sound = seen.working.filter(({ name }) => noted.get(name)?.lost !== true);
  const holder = sound.find(({ name }) => noted.get(name)?.pinnedOn !== undefined);
  if (holder !== undefined) {
    const since = noted.get(holder.name)?.pinnedSince;
    if (since === undefined || since <= seen.replayLsn) {
      return { kind: 'held', under: holder.name };
    }
    const why = reason('waits_replay_of_pin', { position: since });
    return { kind: 'awaited', reasons: [why], wantsWal: false };
  }
  const anchor = sound.find(({ under, isStanding }) => under === undefined && isStanding !== true);
  if (anchor === undefined) {
    return { kind: 'none' };
  }
  const known = noted.get(anchor.name);
  const proof = known === undefined ? undefined : provePin(seen.pin, known);
  if (proof?.kind !== 'awaited') {
    return { kind: 'awaited', reasons: [reason('making_anchor')], wantsWal: true };
  }
  return { kind: 'awaited', reasons: [reason('waits_pin'), ...proof.reasons], wantsWal: proof.wantsWal };
}

/** How far the probe of a database is to be relied on; absent when it is. */
export function probePin(noted: NotedSlot | undefined): Probe['pin'] {
  if (noted?.lost === true) {
    return 'lost';
  }
  return noted?.pinnedOn === undefined ? 'awaited' : undefined;
}

/** So many of the copies here are enough to hold back catalog rows for others. */
const MOST_STANDING = 3;

/** Copies of slotcast's that stand here, each of which spares an anchor once the pin was seen for it. */
export function standingSlots(
  local: readonly LocalSlot[],
  ownership: ReadonlyMap<SlotName, Ownership>,
): readonly WorkingSlot[] {
  const standing: WorkingSlot[] = [];
  for (const slot of local) {
    const isOwn =
      isLogical(slot) && !slot.temporary && !slot.synced && ownership.get(slot.name)?.proven === true;
    if (isOwn && slot.catalogXmin !== undefined && !isInvalidated(slot)) {
      standing.push({ name: slot.name, isStanding: true });
    }
    if (standing.length === MOST_STANDING) {
      break;
    }
  }
  return standing;
}
