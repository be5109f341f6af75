import { reason } from '../reasons/reason.ts';
import type { Lsn } from '../vocabulary/lsn.ts';
import type { NodeStatus, Ownership } from '../vocabulary/node-status.ts';
import { MOST_PREPARED_LISTED, type OpenTransaction } from '../vocabulary/open-transaction.ts';
import type { Reason } from '../vocabulary/reason.ts';
import type { Manifest } from '../vocabulary/slot-event.ts';
import type { SlotName } from '../vocabulary/slot-name.ts';
import type { LocalSlot } from '../vocabulary/slot-state.ts';
import type { TimelineHistory } from '../vocabulary/timeline-history.ts';

/** A copy loses two_phase. A stream that asks for it makes it two_phase again, where the plugin has an option for that: without it, only the making itself does. */
export function copyBecomesTwoPhase(plugin: string): boolean {
  return plugin === 'pgoutput';
}

/** What was prepared on the primary when its WAL was at `flushLsn`: all that had been prepared before that position and is open. */
export interface PreparedOnPrimary {
  readonly flushLsn: Lsn;
  readonly transactions: readonly OpenTransaction[];
}

/** What is remembered of a two_phase slot that stands here without being safe yet. When it is forgotten, time is lost, and nothing else. */
export interface UnprovenSlot {
  /** Where it stands, which is where it starts: it is not moved before it is safe. */
  readonly position: Lsn;
  /** When it was first seen here, in milliseconds since 1970. */
  readonly since: number;
  /** Ids of all transactions that may have been prepared before `position`; absent before they are known. */
  readonly preparedBefore?: ReadonlySet<number> | undefined;
}

/** What the publisher of this line of WAL said last; absent when that is of another timeline, whose positions mean something else. */
export function preparedOnPrimary(
  nodes: ReadonlyMap<string, NodeStatus>,
  manifest: Manifest,
  { timeline }: TimelineHistory,
): PreparedOnPrimary | undefined {
  const record = nodes.get(manifest.node);
  const isOfThisLine = record?.timeline === timeline && manifest.timeline === timeline;
  return record?.role === 'primary' && isOfThisLine && record.flushLsn !== undefined
    ? { flushLsn: record.flushLsn, transactions: record.preparedTransactions ?? [] }
    : undefined;
}

/** Brings up to date what is remembered of the slots here that are not safe yet. */
export function noteUnproven(
  known: ReadonlyMap<SlotName, UnprovenSlot>,
  seen: {
    readonly local: readonly LocalSlot[];
    readonly ownership: ReadonlyMap<SlotName, Ownership>;
    readonly prepared: PreparedOnPrimary | undefined;
    readonly now: number;
  },
): ReadonlyMap<SlotName, UnprovenSlot> {
  const unproven = new Map<SlotName, UnprovenSlot>();
  for (const { name, temporary, confirmedFlushLsn: position } of seen.local) {
    if (temporary || position === undefined || seen.ownership.get(name)?.proven !== false) {
      continue;
    }
    const before = known.get(name);
    // One that stands elsewhere than it did is another slot.
    const slot = before?.position === position ? before : { position, since: seen.now };
    unproven.set(name, notePrepared(slot, seen.prepared));
  }
  return unproven;
}

function notePrepared(slot: UnprovenSlot, prepared: PreparedOnPrimary | undefined): UnprovenSlot {
  const tells = prepared !== undefined && prepared.flushLsn >= slot.position && !isCutOff(prepared);
  return slot.preparedBefore === undefined && tells
    ? { ...slot, preparedBefore: new Set(prepared.transactions.map(({ xid }) => xid)) }
    : slot;
}

/**
 * What still has to end before a two_phase slot that its subscriber has passed is safe; absent when nothing has. A transaction that was
 * prepared before the point where the slot starts is sent from it with its PREPARE at COMMIT PREPARED (`ReorderBufferFinishPrepared`), and the
 * subscriber, which got that from the primary already, cannot apply it. The making of a slot waits for what is open when it begins, but not for all
 * that is begun and prepared while it waits.
 */
export function waitsForPrepared(
  slot: UnprovenSlot | undefined,
  prepared: PreparedOnPrimary | undefined,
): Reason | undefined {
  if (slot?.preparedBefore === undefined || prepared === undefined) {
    return prepared !== undefined && isCutOff(prepared)
      ? reason('too_many_prepared', { limit: MOST_PREPARED_LISTED })
      : reason('prepared_unknown', { position: slot?.position });
  }
  const { preparedBefore } = slot;
  const open = prepared.transactions.filter(({ xid }) => preparedBefore.has(xid));
  const [oldest] = open;
  return oldest === undefined ? undefined : reason('waits_prepared', { count: open.length, ...oldest });
}

function isCutOff({ transactions }: PreparedOnPrimary): boolean {
  return transactions.length >= MOST_PREPARED_LISTED;
}
