import {
  type Lsn,
  parseLsn,
  parseSystemIdentifier,
  parseTimelineHistory,
  type SystemIdentifier,
  type Timeline,
  type TimelineHistory,
  timeline,
} from '@slotcast/domain';
import type { PostgresConnection } from '../connection/connection.ts';

/** What a server says of itself on any connection. */
export interface ServerIdentity {
  readonly systemIdentifier: SystemIdentifier;
  /** `server_version_num`, such as 160014. */
  readonly serverVersion: number;
  /**
   * When it was started, in milliseconds since 1970. The same until the next start, also when sessions crash or the clock is set. To be compared
   * for equality: it tells servers apart, and one server before and after a start.
   */
  readonly serverStartedAt: number;
}

interface ServerIdentityRow {
  readonly system_identifier: string;
  readonly server_version: number;
  readonly server_started_at: number;
}

/** Reads the system identifier from the control file, and what the server is; any role may (checked on 13 to 18). */
export async function readServerIdentity(
  connection: PostgresConnection,
  signal?: AbortSignal,
): Promise<ServerIdentity> {
  const text = `
    select system_identifier::text,
           current_setting('server_version_num')::int as server_version,
           floor(extract(epoch from pg_postmaster_start_time()) * 1000)::float8 as server_started_at
      from pg_control_system()`;
  const [row] = await connection.run<ServerIdentityRow>({ text }, { signal });
  if (row === undefined) {
    throw new Error('pg_control_system() returned no row');
  }
  return {
    systemIdentifier: parseSystemIdentifier(row.system_identifier),
    serverVersion: row.server_version,
    serverStartedAt: row.server_started_at,
  };
}

/** The answer of `IDENTIFY_SYSTEM`. */
export interface IdentifiedSystem {
  readonly systemIdentifier: SystemIdentifier;
  /** The timeline that the server writes or, in recovery, replays. */
  readonly timeline: Timeline;
  /** Flushed WAL of a primary, received and flushed or else replayed WAL of a standby. */
  readonly walPosition: Lsn;
  /** Absent on a connection that is not to a database. */
  readonly database: string | undefined;
}

interface IdentifySystemRow {
  readonly systemid: string;
  /** A number up to 15, text since 16, whose column is a bigint. */
  readonly timeline: number | string;
  readonly xlogpos: string;
  readonly dbname: string | null;
}

/** Asks a walsender session who the server is. Needs a connection with `replication: true`. */
export async function identifySystem(
  replication: PostgresConnection,
  signal?: AbortSignal,
): Promise<IdentifiedSystem> {
  const [row] = await replication.run<IdentifySystemRow>({ text: 'IDENTIFY_SYSTEM' }, { signal });
  if (row === undefined) {
    throw new Error('IDENTIFY_SYSTEM returned no row');
  }
  return {
    systemIdentifier: parseSystemIdentifier(row.systemid),
    timeline: timeline(Number(row.timeline)),
    walPosition: parseLsn(row.xlogpos),
    database: row.dbname ?? undefined,
  };
}

interface TimelineHistoryRow {
  readonly filename: string;
  /** Declared bytea since 15, text before; the bytes are the same ASCII. */
  readonly content: string | Buffer;
}

/**
 * Reads the ancestors of a timeline from its history file. Needs a connection with `replication: true`. Timeline 1 has no
 * ancestors and no file. Rejects with 58P01 when the server does not have the file (any more).
 */
export async function readTimelineHistory(
  replication: PostgresConnection,
  current: Timeline,
  signal?: AbortSignal,
): Promise<TimelineHistory> {
  if (current === 1) {
    return { timeline: current, ancestors: [] };
  }
  const text = `TIMELINE_HISTORY ${current}`;
  const [row] = await replication.run<TimelineHistoryRow>({ text }, { signal });
  if (row === undefined) {
    throw new Error(`${text} returned no row`);
  }
  return parseTimelineHistory(current, row.content.toString());
}
