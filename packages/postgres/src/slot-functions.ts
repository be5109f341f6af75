import { formatLsn, type Lsn, parseLsn, parseSlotName, type SlotName } from '@slotcast/domain';
import type { PostgresConnection } from './connection.ts';

interface SlotLsnRow {
  readonly slot_name: string;
  readonly lsn: string;
}

/** A logical slot to make. */
export interface NewLogicalSlot {
  readonly name: string;
  readonly plugin: string;
  /** The creation is cancelled after this time; without it, it may wait for the longest transaction of the primary. */
  readonly timeoutMs?: number | undefined;
}

/** Where decoding by a new slot starts: all that was committed before is not seen by it. */
export interface CreatedSlot {
  readonly consistentPoint: Lsn;
}

/**
 * Makes a slot that lives as long as the session, and is dropped at the session's first error. On a standby (16+) it waits for
 * running-xacts records of the primary. Rejects with 42710 when the name is taken, 58P01 when the plugin is not installed,
 * 53400 when max_replication_slots is reached.
 */
export async function createTemporarySlot(
  connection: PostgresConnection,
  slot: NewLogicalSlot,
  signal?: AbortSignal,
): Promise<CreatedSlot> {
  const text = `
    select slot_name, lsn
      from pg_create_logical_replication_slot($1, $2, temporary => true)`;
  const values = [slot.name, slot.plugin];
  const rows = await connection.run<SlotLsnRow>({ text, values }, { signal, timeoutMs: slot.timeoutMs });
  return { consistentPoint: oneSlot(text, rows).lsn };
}

/** Makes a persistent slot. `twoPhase` needs 14+ (42883 before). Rejects as `createTemporarySlot` does. */
export async function createLogicalSlot(
  connection: PostgresConnection,
  slot: NewLogicalSlot & { readonly twoPhase: boolean },
  signal?: AbortSignal,
): Promise<CreatedSlot> {
  const twoPhase = slot.twoPhase ? ', twophase => true' : '';
  const text = `
    select slot_name, lsn
      from pg_create_logical_replication_slot($1, $2, temporary => false${twoPhase})`;
  const values = [slot.name, slot.plugin];
  const rows = await connection.run<SlotLsnRow>({ text, values }, { signal, timeoutMs: slot.timeoutMs });
  return { consistentPoint: oneSlot(text, rows).lsn };
}

/**
 * Copies a logical slot to a persistent one of another name, with the positions of the source. The connection must be
 * to the source's database, because the copy gets the session's. A copy is never two_phase.
 */
export async function copySlot(
  connection: PostgresConnection,
  slots: { readonly source: string; readonly target: string; readonly plugin: string },
  signal?: AbortSignal,
): Promise<{ readonly confirmedFlushLsn: Lsn }> {
  const text = `
    select slot_name, lsn
      from pg_copy_logical_replication_slot($1, $2, temporary => false, plugin => $3)`;
  const values = [slots.source, slots.target, slots.plugin];
  const rows = await connection.run<SlotLsnRow>({ text, values }, { signal });
  return { confirmedFlushLsn: oneSlot(text, rows).lsn };
}

/** Drops a slot, of any database. Rejects with 42704 when there is none, 55006 when it is in use. */
export async function dropSlot(
  connection: PostgresConnection,
  name: string,
  signal?: AbortSignal,
): Promise<void> {
  await connection.run({ text: 'select pg_drop_replication_slot($1)', values: [name] }, { signal });
}

/** Where a slot is to go. */
export interface AdvanceTarget {
  readonly name: SlotName;
  readonly target: Lsn;
}

/** Where a slot arrived: on a standby never past replay, so it may be before the target. */
export interface AdvancedSlot {
  readonly name: SlotName;
  readonly endLsn: Lsn;
}

interface AdvanceRow {
  readonly slot_name: string;
  readonly end_lsn: string;
}

/**
 * Moves several slots in one statement, one after the other. The connection must be to the slots' database. The first
 * error ends the statement: 42704 when a slot is missing, 55006 when one is in use, 55000 when one is already past
 * its target. The slots before it have moved all the same.
 */
export async function advanceSlots(
  connection: PostgresConnection,
  targets: readonly AdvanceTarget[],
  signal?: AbortSignal,
): Promise<readonly AdvancedSlot[]> {
  const text = `
    select moved.slot_name, moved.end_lsn
      from unnest($1::name[], $2::pg_lsn[]) as wanted (name, target),
           pg_replication_slot_advance(wanted.name, wanted.target) as moved`;
  const values = [targets.map((slot) => slot.name), targets.map((slot) => formatLsn(slot.target))];
  const rows = await connection.run<AdvanceRow>({ name: 'slotcast_advance_slots', text, values }, { signal });
  return rows.map((row) => ({ name: parseSlotName(row.slot_name), endLsn: parseLsn(row.end_lsn) }));
}

/** Moves one slot. Rejects as `advanceSlots` does. */
export async function advanceSlot(
  connection: PostgresConnection,
  slot: AdvanceTarget,
  signal?: AbortSignal,
): Promise<AdvancedSlot> {
  const [moved] = await advanceSlots(connection, [slot], signal);
  if (moved === undefined) {
    throw new Error(`pg_replication_slot_advance returned no row for slot ${slot.name}`);
  }
  return moved;
}

function oneSlot(text: string, rows: readonly SlotLsnRow[]): { readonly lsn: Lsn } {
  const [row] = rows;
  if (row === undefined) {
    throw new Error(`returned no row: ${text}`);
  }
  return { lsn: parseLsn(row.lsn) };
}
