import type { PostgresConnection } from '../connection/connection.ts';
import { outputPluginLibraries } from '../connection/session-settings.ts';

/** What decides about a server beyond its preconditions: room, clock, and PostgreSQL's own slot synchronisation. */
export interface ServerFacts {
  /** The server's clock, in milliseconds since 1970. */
  readonly timeMs: number;
  readonly maxWalSenders: number;
  /** EXECUTE on `pg_switch_wal()`, in this database. */
  readonly maySwitchWal: boolean;
  /** 17+, on a standby. */
  readonly syncReplicationSlots: boolean;
  /** 17+, on a primary; absent where the server has no such setting. */
  readonly synchronizedStandbySlots: string | undefined;
  readonly outputPluginLibraries: readonly string[] | undefined;
}

interface ServerFactsRow {
  readonly time_ms: number;
  readonly max_wal_senders: number;
  readonly may_switch_wal: boolean;
  readonly sync_replication_slots: boolean;
  readonly synchronized_standby_slots: string | null;
}

/** Reads what any role may read. */
export async function readServerFacts(
  connection: PostgresConnection,
  signal?: AbortSignal,
): Promise<ServerFacts> {
  const text = `
    select (extract(epoch from clock_timestamp()) * 1000)::float8 as time_ms,
           current_setting('max_wal_senders')::int as max_wal_senders,
           has_function_privilege('pg_switch_wal()', 'EXECUTE') as may_switch_wal,
           coalesce(current_setting('sync_replication_slots', true)::bool, false) as sync_replication_slots,
           current_setting('synchronized_standby_slots', true) as synchronized_standby_slots`;
  const [row] = await connection.run<ServerFactsRow>({ text }, { signal });
  if (row === undefined) {
    throw new Error('reading the facts of the server returned no row');
  }
  return {
    timeMs: row.time_ms,
    maxWalSenders: row.max_wal_senders,
    maySwitchWal: row.may_switch_wal,
    syncReplicationSlots: row.sync_replication_slots,
    synchronizedStandbySlots: row.synchronized_standby_slots ?? undefined,
    outputPluginLibraries: await outputPluginLibraries(connection, signal),
  };
}

/** A walsender of this server. */
export interface WalSender {
  /** `application_name`, which any role may see. */
  readonly application: string;
  /** It is sending WAL or decoded changes, and not a base backup. False without pg_monitor, which it takes to see that. */
  readonly streaming: boolean;
  /** Slot that it uses. */
  readonly slot: string | undefined;
}

interface WalSenderRow {
  readonly application: string;
  readonly streaming: boolean;
  readonly slot: string | null;
}

/** Reads who is connected for replication. */
export async function readWalSenders(
  connection: PostgresConnection,
  signal?: AbortSignal,
): Promise<readonly WalSender[]> {
  const text = `
    select coalesce(r.application_name, '') as application,
           coalesce(r.state in ('catchup', 'streaming'), false) as streaming,
           s.slot_name as slot
      from pg_stat_replication as r
      left join pg_replication_slots as s on s.active_pid = r.pid
     order by r.pid`;
  const rows = await connection.run<WalSenderRow>({ text }, { signal });
  return rows.map(({ application, streaming, slot }) => ({
    application,
    streaming,
    slot: slot ?? undefined,
  }));
}
