import assert from 'node:assert/strict';
import type { SlotFile } from '@slotcast/data-folder';
import { parseSlotName } from '@slotcast/domain';
import { type DataFolder, readDataFolder } from '@slotcast/rebuild';
import { type PostgresServer, startPrimary } from '@slotcast/testkit';

/** The majors on which files are put into real servers: the first and the last, and one of each kind in between. */
export const INSTALL_MAJORS = [13, 16, 18] as const;
export type InstallMajor = (typeof INSTALL_MAJORS)[number];

/** A primary with a logical slot `app` that three rows are waiting for. */
export async function primaryWithSlot(major: InstallMajor): Promise<PostgresServer> {
  const server = await startPrimary({ major });
  await server.query('create table rows (id int)');
  await server.query("select pg_create_logical_replication_slot('app', 'test_decoding')");
  for (const id of [1, 2, 3]) {
    await server.query('insert into rows values ($1)', [id]);
  }
  await server.query('checkpoint');
  return server;
}

export function slotIn(
  folder: DataFolder,
  name: string,
): { readonly slot: SlotFile; readonly bytes: Buffer } {
  const found = folder.slots.find((entry) => entry.folder === name);
  assert.ok(found?.kind === 'slot', `${name} is ${found?.kind}`);
  return found;
}

/** What there is to install: a slot like `app` under another name. */
export async function likeApp(
  server: PostgresServer,
  name: string,
): Promise<{ readonly folder: DataFolder; readonly slot: SlotFile }> {
  const folder = await readDataFolder(server.dataFolder);
  return { folder, slot: { ...slotIn(folder, 'app').slot, name: parseSlotName(name) } };
}

/** Slot names with what the server has of them. */
export async function slotRows(server: PostgresServer): Promise<ReadonlyMap<string, unknown>> {
  const rows = await server.query<{ name: string }>(
    `select slot_name as name, plugin, datoid, temporary, xmin::text, catalog_xmin::text, restart_lsn, confirmed_flush_lsn
       from pg_replication_slots order by slot_name`,
  );
  return new Map(rows.map(({ name, ...row }) => [name, row]));
}

/** The inserts that a slot has yet to deliver. */
export async function pendingRows(server: PostgresServer, slot: string): Promise<readonly string[]> {
  const rows = await server.query<{ data: string }>(
    "select data from pg_logical_slot_peek_changes($1, null, null) where data like 'table%'",
    [slot],
  );
  return rows.map(({ data }) => data);
}
