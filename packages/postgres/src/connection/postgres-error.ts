import { DatabaseError } from 'pg';
import {
  codeOf,
  DatabaseGoneError,
  messageOf,
  PostgresConnectionError,
  StatementTimeoutError,
} from './connection-error.ts';
import type { ErrorVerdict } from './error-verdict.ts';
import { judgeRefusal } from './refused-connection.ts';

export interface ClassifiedError extends ErrorVerdict {
  readonly mayPass: boolean;
  /** SQLSTATE, or the code of the system error; absent when the connection just ended. */
  readonly code: string | undefined;
}

interface ErrorRow extends ErrorVerdict {
  /** SQLSTATE, or the first characters that a group of them shares. */
  readonly state: string;
  /** The server's function that raised it: one SQLSTATE has many causes, and the message may be in any language. */
  readonly routine?: RegExp;
}

const LOOK_AGAIN = 'Nothing: it is looked at again.';
const TRY_AGAIN = 'Nothing: it is tried again.';
const RAISE_SLOTS =
  'Raise max_replication_slots on this server and restart it, or drop a slot that nobody needs.';

/** The first row that fits counts. */
const errorTable: readonly ErrorRow[] = [
  {
    state: '55000',
    routine: /^CheckLogicalDecodingRequirements$/,
    class: 'fatal',
    remedy: 'Set wal_level = logical on the primary and on the standbys, and restart them.',
  },
  { state: '55000', routine: /^CheckSlotRequirements$/, class: 'fatal', remedy: RAISE_SLOTS },
  { state: '55000', class: 'stale', remedy: LOOK_AGAIN },
  {
    state: '42704',
    routine: /publication/i,
    class: 'blocked',
    remedy: 'CREATE PUBLICATION with the name that the message tells, in the database of the slot.',
  },
  { state: '42704', class: 'stale', remedy: LOOK_AGAIN },
  { state: '42710', class: 'stale', remedy: LOOK_AGAIN },
  { state: '25006', class: 'stale', remedy: LOOK_AGAIN },
  // Writing in recovery, where a transaction gets no id, and WAL takes no record: the server is no primary, or not yet.
  { state: 'XX000', routine: /^(GetNewTransactionId|XLogBeginInsert)$/, class: 'stale', remedy: LOOK_AGAIN },
  { state: '57P04', class: 'stale', remedy: LOOK_AGAIN },
  {
    state: '3D000',
    class: 'stale',
    remedy: 'Nothing if the database was dropped; otherwise correct the name of the database.',
  },
  { state: '55006', class: 'retry', remedy: 'Nothing; or end the process that uses the slot, by its PID.' },
  { state: '57014', class: 'cancelled', remedy: TRY_AGAIN },
  { state: '57P', class: 'retry', remedy: TRY_AGAIN },
  { state: '08', class: 'retry', remedy: TRY_AGAIN },
  { state: '40', class: 'retry', remedy: TRY_AGAIN },
  { state: '53400', class: 'blocked', remedy: RAISE_SLOTS },
  {
    state: '53300',
    class: 'retry',
    remedy:
      'Raise max_connections, max_wal_senders or the CONNECTION LIMIT of role or database, or end connections.',
  },
  { state: '53', class: 'retry', remedy: 'Give the server more of what it lacks: disk, memory.' },
  {
    state: '42501',
    routine: /^aclcheck_error$/,
    class: 'fatal',
    mayPass: true,
    remedy:
      'GRANT EXECUTE ON FUNCTION pg_log_standby_snapshot() TO <role>, in the database that slotcast connects to.',
  },
  {
    state: '42501',
    class: 'fatal',
    mayPass: true,
    remedy: 'ALTER ROLE <role> REPLICATION; GRANT pg_monitor TO <role>;',
  },
  {
    state: '58P01',
    routine: /^SendTimeLineHistory$/,
    class: 'blocked',
    remedy: 'Restore the timeline history file into pg_wal from the WAL archive or another server.',
  },
  {
    state: '58P01',
    routine: /^wal_segment_open$/,
    class: 'blocked',
    remedy:
      'WAL that the slot needs is not in pg_wal any more: a copy on a standby is made again by itself; on a primary drop the slot and let its subscriber start over.',
  },
  {
    state: '58P01',
    class: 'blocked',
    remedy: 'Install the output plugin on this server too: it has to be there before a failover.',
  },
  {
    state: 'XX000',
    routine: /^LoadOutputPlugin$/,
    class: 'blocked',
    remedy: 'The library of that name is no output plugin; correct the slot on the primary.',
  },
  {
    state: '0A000',
    class: 'blocked',
    remedy: 'This server cannot do it: logical decoding on a standby needs PostgreSQL 16 or later.',
  },
  {
    state: '28',
    class: 'fatal',
    mayPass: true,
    remedy:
      'Correct user and password, or let the connection in by pg_hba.conf: the line must name the database or "all"; the keyword "replication" does not match slotcast\'s sessions.',
  },
];

const UNREACHABLE =
  /^(ECONN|EPIPE$|ETIMEDOUT$|EHOST|ENET|ENOTFOUND$|EAI_AGAIN$|ENOENT$|EACCES$|EADDRNOTAVAIL$)/;
const CERTIFICATE = /CERT|UNABLE_TO_|^ERR_(TLS|SSL)_/;

/** True for an error of a server, a connection to one, or a statement's time limit. */
export function isPostgresError(
  error: unknown,
): error is DatabaseError | PostgresConnectionError | DatabaseGoneError | StatementTimeoutError {
  return (
    error instanceof DatabaseError ||
    error instanceof PostgresConnectionError ||
    error instanceof DatabaseGoneError ||
    error instanceof StatementTimeoutError
  );
}

/** True when a slot cannot be decoded because a WAL file that it needs is not in pg_wal (`wal_segment_open`). */
export function isMissingWal(error: unknown): boolean {
  const fromServer = serverError(error);
  return fromServer?.code === '58P01' && fromServer.routine === 'wal_segment_open';
}

/** The server's function that raised an error; empty where no server has. */
export function routineOf(error: unknown): string {
  return serverError(error)?.routine ?? '';
}

/** Says what an error of PostgreSQL or of the connection to it means for the caller, and what would fix it. */
export function classifyPostgresError(error: unknown): ClassifiedError {
  const fromServer = serverError(error);
  const code = fromServer?.code ?? codeOf(error);
  const refusal = error instanceof PostgresConnectionError ? judgeRefusal(error) : undefined;
  return { mayPass: false, code, ...(refusal ?? judge(error, code, fromServer)) };
}

function judge(
  error: unknown,
  code: string | undefined,
  fromServer: DatabaseError | undefined,
): ErrorVerdict {
  const fromHere = error instanceof StatementTimeoutError || error instanceof DatabaseGoneError;
  if (fromServer === undefined && !fromHere) {
    return judgeConnection(error, code);
  }
  const row = errorTable.find(
    ({ state, routine }) =>
      code?.startsWith(state) === true && (routine === undefined || routine.test(fromServer?.routine ?? '')),
  );
  return row === undefined
    ? UNEXPECTED
    : { class: row.class, mayPass: row.mayPass ?? false, remedy: row.remedy };
}

function judgeConnection(error: unknown, code: string | undefined): ErrorVerdict {
  if (code !== undefined && CERTIFICATE.test(code)) {
    const remedy = 'Give the right sslrootcert and host name, or replace the certificate of the server.';
    return { class: 'fatal', mayPass: true, remedy };
  }
  if (error instanceof PostgresConnectionError || UNREACHABLE.test(code ?? '')) {
    return {
      class: 'retry',
      remedy: 'Check that the server runs and is reachable from here; it is tried again.',
    };
  }
  return UNEXPECTED;
}

const UNEXPECTED: ErrorVerdict = {
  class: 'unexpected',
  remedy: 'Look into the log of the server, and report it.',
};

/** What the server said, also while the connection was being made. */
function serverError(error: unknown): DatabaseError | undefined {
  const inner = error instanceof PostgresConnectionError ? error.cause : error;
  return inner instanceof DatabaseError ? inner : undefined;
}

/** Anything that was thrown, in one line; of an error of the server what was tried, the code, the message, and what the server added to it. */
export function describePostgresError(error: unknown): string {
  const fromServer = serverError(error);
  const code = fromServer?.code ?? codeOf(error);
  const added = [fromServer?.detail, fromServer?.hint].filter((text) => text !== undefined && text !== '');
  return [messageOf(error), code === undefined ? '' : `[${code}]`, ...added].filter((text) => text).join(' ');
}
