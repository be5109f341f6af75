import type { Lsn } from './lsn.ts';
import { databaseOf, sameDatabase } from './slot-database.ts';
import type { SlotName } from './slot-name.ts';

export const slotTypes = ['logical', 'physical'] as const;
export type SlotType = (typeof slotTypes)[number];

/** One row of `pg_replication_slots`, and `canaryTime`. Fields that the server's major does not have are `undefined` or `false`. */
export interface SlotState {
  readonly name: SlotName;
  readonly type: SlotType;
  /** Output plugin; logical slots only. */
  readonly plugin?: string | undefined;
  /** Database name; logical slots only. */
  readonly database?: string | undefined;
  /** Oid of that database, which stays when it is renamed; logical slots only. */
  readonly databaseOid?: number | undefined;
  readonly twoPhase: boolean;
  /** Where decoding of prepared transactions began (column of 18). */
  readonly twoPhaseAt?: Lsn | undefined;
  /** 17+: the slot is meant to follow a failover. */
  readonly failover: boolean;
  /** 17+: this copy is kept by PostgreSQL's own slot synchronisation. */
  readonly synced: boolean;
  /** Oldest WAL that the slot may still need. Absent: never reserved, or invalidated. */
  readonly restartLsn?: Lsn | undefined;
  /** Up to here the consumer has confirmed. Absent: physical slot, or logical slot in the making. */
  readonly confirmedFlushLsn?: Lsn | undefined;
  /** 32-bit transaction ids, as the server prints them. */
  readonly xmin?: number | undefined;
  readonly catalogXmin?: number | undefined;
  /** `reserved`, `extended`, `unreserved` or `lost`. */
  readonly walStatus?: string | undefined;
  /** Why the slot is of no more use (17+; on 16 derived from `conflicting`, before from `wal_status`). */
  readonly invalidationReason?: string | undefined;
  readonly active: boolean;
  /** Milliseconds since 1970 (17+). */
  readonly inactiveSince?: number | undefined;
  /** No column: when the canary's newest change that lies before `confirmedFlushLsn` was written, in milliseconds since 1970. */
  readonly canaryTime?: number | undefined;
}

/** A slot as a standby's own server shows it. */
export interface LocalSlot extends SlotState {
  readonly temporary: boolean;
}

/** True when the server can never serve this slot again. */
export function isInvalidated(slot: SlotState): boolean {
  return slot.walStatus === 'lost' || slot.invalidationReason !== undefined;
}

/** True when both rows may be the same slot over time: what PostgreSQL cannot change on a slot is equal. */
export function sameIdentity(a: SlotState, b: SlotState): boolean {
  return (
    a.type === b.type &&
    a.plugin === b.plugin &&
    a.twoPhase === b.twoPhase &&
    sameDatabase(databaseOf(a), databaseOf(b))
  );
}

/** Ids below are no transactions: invalid, bootstrap, frozen; they are older than every other (`TransactionIdIsNormal`). */
const FIRST_NORMAL_XID = 3;

/** True when transaction id `a` is not newer than `b`, by the server's circular comparison (`TransactionIdPrecedesOrEquals`). */
export function xidPrecedesOrEquals(a: number, b: number): boolean {
  return a < FIRST_NORMAL_XID || b < FIRST_NORMAL_XID ? a <= b : ((a - b) | 0) <= 0;
}
