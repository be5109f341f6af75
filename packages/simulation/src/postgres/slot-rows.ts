import type { ServerCore } from './core.ts';
import { formatPosition } from './position-text.ts';
import type { Slot } from './slot.ts';

/** A row of `pg_replication_slots` as packages/postgres reads it. */
export type SlotRow = Readonly<Record<string, string | number | boolean | null>>;

interface Cached {
  readonly version: number;
  readonly database: string | null;
  readonly row: SlotRow;
}

const rows = new WeakMap<Slot, Cached>();

/** The row of a slot, the same object as long as the slot has not changed. */
export function slotRow(core: ServerCore, slot: Slot): SlotRow {
  const database = slot.databaseOid === undefined ? null : (core.databases.get(slot.databaseOid) ?? null);
  const cached = rows.get(slot);
  if (cached?.version === slot.version && cached.database === database) {
    return cached.row;
  }
  const row = makeRow(slot, database);
  rows.set(slot, { version: slot.version, database, row });
  return row;
}

const optional = (position: number | undefined): string | null =>
  position === undefined ? null : formatPosition(position);

function makeRow(slot: Slot, database: string | null): SlotRow {
  const { invalidation, restartLsn, catalogXmin } = slot;
  return {
    slot_name: slot.name,
    slot_type: slot.type,
    plugin: slot.plugin ?? null,
    database,
    datoid: slot.databaseOid ?? null,
    temporary: slot.temporary,
    two_phase: slot.twoPhase,
    two_phase_at: optional(slot.twoPhaseAt),
    failover: slot.failover,
    synced: false,
    restart_lsn: optional(restartLsn),
    confirmed_flush_lsn: optional(slot.confirmedFlush),
    xmin: null,
    catalog_xmin: catalogXmin === undefined ? null : String(catalogXmin),
    wal_status: invalidation !== undefined ? 'lost' : restartLsn === undefined ? null : 'reserved',
    invalidation_reason: invalidation ?? null,
    active: slot.activePid !== undefined,
    inactive_since: slot.inactiveSince ?? null,
  };
}

/** Hashes of what one caller has seen, 8 bytes for each slot: the version, which no two states of slots share. */
export interface Remembered {
  readonly hashes: Buffer;
  /** Whose row always comes, from 1. */
  readonly last: number;
}

/** The rows that have changed since they were remembered, with those columns added to the first; one of nulls when there is none. */
export function changedRows(
  core: ServerCore,
  { hashes, last }: Remembered,
  added: SlotRow,
): readonly SlotRow[] {
  const found: SlotRow[] = [];
  let ordinal = 0;
  for (const slot of core.slots.all) {
    ordinal += 1;
    const end = ordinal * 8;
    const isKnown = end <= hashes.length && hashes.readUInt32BE(end - 4) === slot.version;
    if (!isKnown || ordinal === last) {
      const place = { ordinal, hash: String(slot.version) };
      const row = slotRow(core, slot);
      found.push(found.length === 0 ? { ...row, ...place, ...added } : { ...row, ...place });
    }
  }
  return found.length > 0 ? found : [{ ...NO_SLOT, ...added }];
}

const NO_SLOT: SlotRow = {
  slot_name: null,
  slot_type: null,
  plugin: null,
  database: null,
  datoid: null,
  temporary: null,
  two_phase: null,
  two_phase_at: null,
  failover: null,
  synced: null,
  restart_lsn: null,
  confirmed_flush_lsn: null,
  xmin: null,
  catalog_xmin: null,
  wal_status: null,
  invalidation_reason: null,
  active: null,
  inactive_since: null,
  ordinal: null,
  hash: null,
};
