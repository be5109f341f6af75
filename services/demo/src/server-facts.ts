import { formatLsn, timeline } from '@slotcast/domain';
import { connectPostgres, readTimelineHistory } from '@slotcast/postgres';
import type { PostgresServer } from '@slotcast/testkit';
import { DemoFailure } from './demo-failure.ts';
import { SHOP_DATABASE } from './shop.ts';

export interface ServerFacts {
  readonly version: string;
  readonly systemIdentifier: string;
}

/** Version and system identifier of a server. */
export async function readServerFacts(server: PostgresServer): Promise<ServerFacts> {
  const [row] = await server.query<{ version: string; system_identifier: string }>(
    `select current_setting('server_version') as version, system_identifier::text
       from pg_control_system()`,
  );
  return { version: row?.version ?? '', systemIdentifier: row?.system_identifier ?? '' };
}

/** Where the WAL of a server is. */
export interface WalPlace {
  readonly timeline: number;
  /** Flushed on a primary, replayed on a standby. */
  readonly lsn: string;
}

/** Timeline and position of a server. Throws a DemoFailure when a standby receives nothing. */
export async function readWalPlace(server: PostgresServer): Promise<WalPlace> {
  const [row] = await server.query<{ timeline: number | null; lsn: string }>(
    `select case when pg_is_in_recovery() then (select received_tli from pg_stat_wal_receiver)
                 else ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int end as timeline,
            case when pg_is_in_recovery() then pg_last_wal_replay_lsn()
                 else pg_current_wal_flush_lsn() end as lsn`,
  );
  if (row === undefined || row.timeline === null) {
    throw new DemoFailure(`${server.name} receives no WAL`);
  }
  return { timeline: row.timeline, lsn: row.lsn };
}

/**
 * Waits until a standby notices that its primary is gone, and returns how far it has received WAL, as bytes and as text. What
 * was received before is replayed before a promotion ends.
 */
export async function readEndOfReceivedWal(
  standby: PostgresServer,
): Promise<{ readonly bytes: bigint; readonly lsn: string }> {
  const [row] = await standby.waitFor<{ streams: boolean; lsn: string; bytes: string }>(
    `select exists (select from pg_stat_wal_receiver where status = 'streaming') as streams,
            pg_last_wal_receive_lsn() as lsn, pg_last_wal_receive_lsn() - '0/0' as bytes`,
    ([seen]) => seen?.streams === false,
  );
  if (row === undefined) {
    throw new DemoFailure(`${standby.name} did not tell how far it has received WAL`);
  }
  return { bytes: BigInt(row.bytes), lsn: row.lsn };
}

/** Where the timeline of a promoted server left that of its predecessor, from the server's history file. */
export async function readSwitchLsn(server: PostgresServer, current: number): Promise<string> {
  const replication = await connectPostgres({
    url: server.url(),
    applicationName: 'demo',
    replication: true,
  });
  try {
    const { ancestors } = await readTimelineHistory(replication, timeline(current));
    const parent = ancestors.at(-1);
    if (parent === undefined) {
      throw new DemoFailure(`timeline ${current} of ${server.name} has no ancestor: was it promoted?`);
    }
    return formatLsn(parent.switchLsn);
  } finally {
    await replication.close();
  }
}

/** Where one logical slot stands on one server. */
export interface SlotPlace {
  readonly name: string;
  readonly restartLsn: string;
  readonly confirmedFlushLsn: string;
  /** Whether it is beyond the position that was asked for. */
  readonly isBeyond: boolean;
}

/** The logical slots of the shop on a server, by name. */
export async function readSlots(
  server: PostgresServer,
  beyondLsn = '0/0',
): Promise<ReadonlyMap<string, SlotPlace>> {
  const rows = await server.query<{ name: string; restart: string; confirmed: string; beyond: boolean }>(
    `select slot_name as name, restart_lsn as restart, confirmed_flush_lsn as confirmed,
            confirmed_flush_lsn > $1::pg_lsn as beyond
       from pg_replication_slots
      where database = $2 and not temporary and confirmed_flush_lsn is not null
      order by slot_name`,
    [beyondLsn, SHOP_DATABASE],
  );
  return new Map(
    rows.map(({ name, restart, confirmed, beyond }) => [
      name,
      { name, restartLsn: restart, confirmedFlushLsn: confirmed, isBeyond: beyond },
    ]),
  );
}
