import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type DataFolderMajor, decodeSlotFile, encodeSlotFile, type SlotFile } from '@slotcast/data-folder';
import { formatLsn, type Lsn } from '@slotcast/domain';
import type { PostgresServer } from '@slotcast/testkit';

export const LONG_NAME = 'x'.repeat(63);

/** Makes a slot of each kind that the server's major has. */
export async function makeSlots(server: PostgresServer): Promise<void> {
  const { major } = server;
  await server.query('create database other');
  await server.query(
    "select pg_create_physical_replication_slot('physical'), pg_create_physical_replication_slot('reserved', true)",
  );
  const make = async (
    name: string,
    options: { readonly plugin?: string; readonly more?: string; readonly database?: string } = {},
  ): Promise<void> => {
    const { plugin = 'pgoutput', more = '', database = 'postgres' } = options;
    await server.query(
      `select pg_create_logical_replication_slot('${name}', '${plugin}'${more})`,
      [],
      database,
    );
  };
  await make('pgoutput');
  await make('decoded', { plugin: 'test_decoding' });
  await make('elsewhere', { database: 'other' });
  await make(LONG_NAME);
  if (major >= 14) {
    await make('two_phase', { more: ', false, true' });
  }
  if (major >= 17) {
    await make('failover', { more: ', false, false, true' });
    await make('both', { more: ', false, true, true' });
  }
}

export function stateFiles(server: PostgresServer): ReadonlyMap<string, Buffer> {
  const folder = join(server.dataFolder, 'pg_replslot');
  return new Map(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name, 'state'))]));
}

interface SlotRow {
  readonly name: string;
  readonly plugin: string | null;
  readonly oid: number;
  readonly xmin: number | null;
  readonly catalog_xmin: number | null;
  readonly restart_lsn: string | null;
  readonly confirmed_flush_lsn: string | null;
  readonly two_phase: boolean;
  readonly failover: boolean;
  readonly synced: boolean;
  readonly two_phase_at: string | null;
  readonly lost: boolean;
}

async function slotRows(server: PostgresServer): Promise<readonly SlotRow[]> {
  const { major } = server;
  const twoPhase = major >= 14 ? 'two_phase' : 'false as two_phase';
  const failover = major >= 17 ? 'failover, synced' : 'false as failover, false as synced';
  const twoPhaseAt = major >= 18 ? 'two_phase_at' : 'null as two_phase_at';
  return await server.query<SlotRow>(
    `select slot_name as name, plugin, coalesce(datoid, 0)::bigint::int as oid, xmin::text::bigint::int as xmin,
            catalog_xmin::text::bigint::int as catalog_xmin, restart_lsn, confirmed_flush_lsn, ${twoPhase}, ${failover}, ${twoPhaseAt},
            wal_status is not distinct from 'lost' as lost
       from pg_replication_slots order by slot_name`,
  );
}

/** Asserts that every state file says what `pg_replication_slots` does, and is encoded to the same bytes again. Returns what they say. */
export async function compareSlots(
  server: PostgresServer,
  major: DataFolderMajor,
): Promise<readonly SlotFile[]> {
  const files = stateFiles(server);
  const rows = await slotRows(server);
  assert.deepEqual([...files.keys()].toSorted(), rows.map(({ name }) => name).toSorted());
  return rows.map((row) => {
    const bytes = files.get(row.name);
    assert.ok(bytes);
    const slot = decodeSlotFile(bytes, major);
    assert.ok(encodeSlotFile(slot, major).equals(bytes), row.name);
    assert.deepEqual(rowOf(slot, { row, major }), row);
    return slot;
  });
}

function text(position: Lsn | undefined): string | null {
  return position === undefined ? null : formatLsn(position);
}

/** What the server would show of such a file. */
function rowOf(
  slot: SlotFile,
  { row, major }: { readonly row: SlotRow; readonly major: DataFolderMajor },
): SlotRow {
  const isLost = slot.invalidated !== 0 || slot.invalidatedAt !== undefined;
  assert.equal(slot.persistency, 'persistent');
  return {
    name: slot.name,
    plugin: slot.plugin === '' ? null : slot.plugin,
    oid: slot.databaseOid,
    xmin: slot.xmin ?? null,
    catalog_xmin: slot.catalogXmin ?? null,
    restart_lsn: text(slot.restartLsn),
    confirmed_flush_lsn: text(slot.confirmedFlushLsn),
    two_phase: slot.twoPhase,
    failover: slot.failover,
    synced: slot.synced,
    two_phase_at: major >= 18 ? text(slot.twoPhaseAt) : row.two_phase_at,
    lost: isLost,
  };
}
