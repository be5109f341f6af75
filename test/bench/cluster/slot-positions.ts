import type { PostgresServer } from '@slotcast/testkit';

/** Where each logical slot of a server stands. */
export async function positionsOf(server: PostgresServer): Promise<ReadonlyMap<string, string>> {
  const rows = await server.query<{ slot_name: string; position: string }>(
    `select slot_name, confirmed_flush_lsn::text as position from pg_replication_slots
      where slot_type = 'logical' and not temporary and confirmed_flush_lsn is not null
        and slot_name not like 'slotcast%'`,
  );
  return new Map(rows.map((row) => [row.slot_name, row.position]));
}

/** The slots that stand elsewhere on this server, or not at all. */
export async function differing(
  server: PostgresServer,
  there: ReadonlyMap<string, string>,
): Promise<string[]> {
  const here = await positionsOf(server);
  return [...there]
    .filter(([name, position]) => here.get(name) !== position)
    .map(([name]) => `${name} on ${server.name}`);
}
