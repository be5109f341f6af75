import { type Lsn, type ServerLife, supports, timeline } from '@slotcast/domain';
import type { PostgresConnection } from '../connection/connection.ts';
import { isPostgresError } from '../connection/postgres-error.ts';
import { optionalLsn, requiredLsn } from './wal-position.ts';

const INSUFFICIENT_PRIVILEGE = '42501';

/** The end of a primary's WAL. */
export interface WalEnd extends ServerLife {
  readonly insertLsn: Lsn;
  readonly flushLsn: Lsn;
  /** The next transaction id, 32 bits. To be compared for equality only. */
  readonly nextXid: number;
}

interface WalEndRow {
  readonly insert_lsn: string;
  readonly flush_lsn: string;
  readonly next_xid: number;
  /** Its first 8 hexadecimal digits are the timeline. */
  readonly wal_file: string;
  readonly replayed_lsn: string | null;
  readonly server_started_at: number;
}

/** Reads where a primary's WAL ends. The transaction id is read last: no commit before `insertLsn` has a newer one. */
export async function readWalEnd(connection: PostgresConnection, signal?: AbortSignal): Promise<WalEnd> {
  const text = `
    select pg_current_wal_insert_lsn()::text as insert_lsn,
           pg_current_wal_flush_lsn()::text as flush_lsn,
           pg_last_wal_replay_lsn()::text as replayed_lsn,
           floor(extract(epoch from pg_postmaster_start_time()) * 1000)::float8 as server_started_at,
           pg_walfile_name(pg_current_wal_lsn()) as wal_file,
           age('3'::xid) as next_xid`;
  const [row] = await connection.run<WalEndRow>({ name: 'slotcast_wal_end', text }, { signal });
  if (row === undefined) {
    throw new Error('reading the end of WAL returned no row');
  }
  return {
    insertLsn: requiredLsn(row.insert_lsn, 'pg_current_wal_insert_lsn()'),
    flushLsn: requiredLsn(row.flush_lsn, 'pg_current_wal_flush_lsn()'),
    nextXid: row.next_xid,
    timeline: timeline(Number.parseInt(row.wal_file.slice(0, 8), 16)),
    replayedLsn: optionalLsn(row.replayed_lsn),
    serverStartedAt: row.server_started_at,
  };
}

interface WalRoomRow {
  readonly room: string;
}

/**
 * How much more WAL a primary may write before it has more of it than `max_wal_size`, by which its disk is to be made; files that are there already to be written count
 * as well. 0 when it has more, as where a slot holds it back. Absent when the role may not list the files (needs pg_monitor). Reads the whole folder.
 */
export async function readWalRoom(
  connection: PostgresConnection,
  signal?: AbortSignal,
): Promise<bigint | undefined> {
  const text = `
    select greatest(0, pg_size_bytes(current_setting('max_wal_size')) - coalesce(sum(f.size) filter (
             where f.name collate "C" <= pg_walfile_name(pg_current_wal_lsn())), 0), coalesce(sum(f.size) filter (
             where f.name collate "C" > pg_walfile_name(pg_current_wal_lsn())), 0))::int8::text as room
      from pg_ls_waldir() as f
     where f.name ~ '^[0-9A-F]{24}$'`;
  try {
    const [row] = await connection.run<WalRoomRow>({ name: 'slotcast_wal_room', text }, { signal });
    return row === undefined ? undefined : BigInt(row.room);
  } catch (error) {
    if (isPostgresError(error) && error.code === INSUFFICIENT_PRIVILEGE) {
      return undefined;
    }
    throw error;
  }
}

/** True when the role may call `pg_switch_wal()`. */
export async function maySwitchWal(connection: PostgresConnection, signal?: AbortSignal): Promise<boolean> {
  const text = `select has_function_privilege('pg_switch_wal()', 'EXECUTE') as allowed`;
  const [row] = await connection.run<{ readonly allowed: boolean }>({ text }, { signal });
  return row?.allowed === true;
}

/**
 * Goes on to the next WAL segment and flushes. A segment without any record is not left (`RequestXLogSwitch`), hence the message
 * before it.
 */
export async function switchWal(connection: PostgresConnection, signal?: AbortSignal): Promise<void> {
  const text = `
    select pg_logical_emit_message(false, 'slotcast', '')::text, pg_switch_wal()::text`;
  await connection.run({ name: 'slotcast_switch_wal', text }, { signal });
}

/**
 * Fills WAL with a message of `bytes` that belongs to no transaction and that decoders skip, and returns its position. From 17 on it is flushed by this;
 * before, see `flushWal`.
 */
export async function fillWal(
  connection: PostgresConnection,
  bytes: number,
  signal?: AbortSignal,
): Promise<Lsn> {
  const flush = supports(connection.major, 'messageFlush') ? ', true' : '';
  const text = `select pg_logical_emit_message(false, 'slotcast', repeat(' ', $1::int)${flush})::text`;
  const [row] = await connection.run<{ readonly pg_logical_emit_message: string }>(
    { text, values: [bytes] },
    { signal },
  );
  return requiredLsn(row?.pg_logical_emit_message ?? null, 'where the message was written');
}
