import type { PostgresServer } from '@slotcast/testkit';

/** The database that the demo's applications use. */
export const SHOP_DATABASE = 'shop';
export const ORDERS_TABLE = 'public.orders';
export const PUBLICATION = 'orders';
/** One logical slot, and one subscriber, each. */
export const SLOTS = ['audit', 'billing', 'search'] as const;

/** Creates database, table, publication and the logical slots on the primary. */
export async function createShop(primary: PostgresServer): Promise<void> {
  await primary.query(`create database ${SHOP_DATABASE}`);
  const statements = [
    // Microseconds since 1970, taken as the row is written: what a subscriber compares its clock with.
    `create table ${ORDERS_TABLE} (
       id bigint primary key,
       written_at_us bigint not null default (extract(epoch from clock_timestamp()) * 1000000)::bigint)`,
    `create publication ${PUBLICATION} for table ${ORDERS_TABLE}`,
    ...SLOTS.map((slot) => `select pg_create_logical_replication_slot('${slot}', 'pgoutput')`),
  ];
  for (const statement of statements) {
    await primary.query(statement, [], SHOP_DATABASE);
  }
}

/** The numbers of the rows that are on a server. */
export async function readOrders(server: PostgresServer): Promise<ReadonlySet<number>> {
  const rows = await server.query<{ id: string }>(`select id from ${ORDERS_TABLE}`, [], SHOP_DATABASE);
  return new Set(rows.map(({ id }) => Number(id)));
}
