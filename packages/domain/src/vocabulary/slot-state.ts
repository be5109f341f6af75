import type { Lsn } from './lsn.ts';
import type { SlotName } from './slot-name.ts';

export const slotTypes = ['logical', 'physical'] as const;
export type SlotType = (typeof slotTypes)[number];

/** What a row of `pg_replication_slots` says of a slot of either type. */
interface SlotRowState {
  readonly name: SlotName;
  /** Oldest WAL that the slot may still need. Absent: never reserved, or invalidated. */
  readonly restartLsn?: Lsn | undefined;
  /** 32-bit transaction id, as the server prints it. */
  readonly catalogXmin?: number | undefined;
  /** `reserved`, `extended`, `unreserved` or `lost`. */
  readonly walStatus?: string | undefined;
  /** Why the slot is of no more use (17+; on 16 derived from `conflicting`, before from `wal_status`). */
  readonly invalidationReason?: string | undefined;
  readonly active: boolean;
}

/** A logical slot, and `canaryTime`. Fields that the server's major does not have are `undefined` or `false`. */
export interface LogicalSlotState extends SlotRowState {
  readonly type: 'logical';
  readonly plugin: string;
  /** Name of its database, which can be renamed; absent when the database is gone. */
  readonly database?: string | undefined;
  /** Oid of that database: the same for its whole life, and on all servers of a cluster. */
  readonly databaseOid: number;
  readonly twoPhase: boolean;
  /** Where decoding of prepared transactions began (column of 18). */
  readonly twoPhaseAt?: Lsn | undefined;
  /** 17+: the slot is meant to follow a failover. */
  readonly failover: boolean;
  /** 17+: this copy is kept by PostgreSQL's own slot synchronisation. */
  readonly synced: boolean;
  /** Up to here the subscriber has confirmed. Absent: the slot is in the making. */
  readonly confirmedFlushLsn?: Lsn | undefined;
  /** No column: when the canary's newest change that lies before `confirmedFlushLsn` was written, in milliseconds since 1970. */
  readonly canaryTime?: number | undefined;
}

export interface PhysicalSlotState extends SlotRowState {
  readonly type: 'physical';
  /** Nobody confirms anything to a physical slot. */
  readonly confirmedFlushLsn?: undefined;
  /** 32-bit transaction id, as the server prints it. */
  readonly xmin?: number | undefined;
}

/** One row of `pg_replication_slots`. */
export type SlotState = LogicalSlotState | PhysicalSlotState;

/** What only the server that has a slot can make use of. */
interface LocalSlotState {
  readonly temporary: boolean;
  /** Milliseconds since 1970 (17+). */
  readonly inactiveSince?: number | undefined;
}

export type LocalLogicalSlot = LogicalSlotState & LocalSlotState;
export type LocalPhysicalSlot = PhysicalSlotState & LocalSlotState;
/** A slot as a standby's own server shows it. */
export type LocalSlot = LocalLogicalSlot | LocalPhysicalSlot;

export function isLogical<Slot extends SlotState>(
  slot: Slot | undefined,
): slot is Extract<Slot, { readonly type: 'logical' }> {
  return slot?.type === 'logical';
}

/** True when the server can never serve this slot again. */
export function isInvalidated(slot: SlotState): boolean {
  return slot.walStatus === 'lost' || slot.invalidationReason !== undefined;
}

/** True when both rows may be the same slot over time: what PostgreSQL cannot change on a slot is equal. */
export function sameIdentity(a: SlotState, b: SlotState): boolean {
  if (a.type === 'physical' || b.type === 'physical') {
    return a.type === b.type;
  }
  return a.plugin === b.plugin && a.twoPhase === b.twoPhase && a.databaseOid === b.databaseOid;
}

/** Ids below are no transactions: invalid, bootstrap, frozen; they are older than every other (`TransactionIdIsNormal`). */
const FIRST_NORMAL_XID = 3;

/** True when transaction id `a` is not newer than `b`, by the server's circular comparison (`TransactionIdPrecedesOrEquals`). */
export function xidPrecedesOrEquals(a: number, b: number): boolean {
  return a < FIRST_NORMAL_XID || b < FIRST_NORMAL_XID ? a <= b : ((a - b) | 0) <= 0;
}
