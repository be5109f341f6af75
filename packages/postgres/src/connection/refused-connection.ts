import { DatabaseError } from 'pg';
import { ConnectionPoolerError, messageOf, PostgresConnectionError } from './connection-error.ts';
import { PasswordMissingError } from './connection-settings-error.ts';
import type { ErrorVerdict } from './error-verdict.ts';

interface RefusalRow {
  /** SQLSTATE. */
  readonly state: string;
  /** The server's function that raised it. */
  readonly routine?: RegExp;
  readonly verdict: ErrorVerdict;
  /** What stands in its place for another database than the configured one: only the slots of that database wait. */
  readonly otherDatabase?: ErrorVerdict;
}

const DIRECTLY =
  'Connect to the PostgreSQL server directly, not through PgBouncer or another pooler: walsender sessions, temporary slots and session settings need a session of their own.';
const OPTIONS = 'Correct the options: in the URL (options=), or in PGOPTIONS.';

/** While a session begins, a SQLSTATE means something else than it does of a statement. The first row that fits counts. */
const refusalTable: readonly RefusalRow[] = [
  {
    // A standby cannot clear the mark that a dropped login trigger leaves on its database (17 and later).
    state: '55000',
    routine: /^LockAcquire/,
    verdict: {
      class: 'retry',
      remedy:
        'Connect to this database on the primary once: that clears the mark of a login trigger that was dropped.',
    },
  },
  {
    state: '3D000',
    verdict: {
      class: 'fatal',
      mayPass: true,
      remedy: 'Correct the database of the URL, or PGDATABASE, or create that database.',
    },
    otherDatabase: {
      class: 'stale',
      remedy: 'Nothing if the database was dropped; otherwise correct the name of the database.',
    },
  },
  {
    state: '55000',
    routine: /^CheckMyDatabase$/,
    verdict: {
      class: 'fatal',
      mayPass: true,
      remedy: 'ALTER DATABASE <database> ALLOW_CONNECTIONS true; or name another database in the URL.',
    },
    otherDatabase: { class: 'blocked', remedy: 'ALTER DATABASE <database> ALLOW_CONNECTIONS true;' },
  },
  {
    state: '42501',
    routine: /^CheckMyDatabase$/,
    verdict: {
      class: 'fatal',
      mayPass: true,
      remedy: 'On the primary: GRANT CONNECT ON DATABASE <database> TO <role>;',
    },
    otherDatabase: {
      class: 'blocked',
      remedy: 'On the primary: GRANT CONNECT ON DATABASE <database> TO <role>;',
    },
  },
  { state: '42501', routine: /^set_config/, verdict: { class: 'fatal', remedy: OPTIONS } },
  { state: '42601', verdict: { class: 'fatal', remedy: OPTIONS } },
  { state: '42704', verdict: { class: 'fatal', remedy: OPTIONS } },
  { state: '22023', verdict: { class: 'fatal', remedy: OPTIONS } },
  { state: '55P02', verdict: { class: 'fatal', remedy: OPTIONS } },
  {
    state: '58P01',
    verdict: {
      class: 'fatal',
      mayPass: true,
      remedy:
        'Install the library, or take it out of session_preload_libraries or local_preload_libraries: of the server, the database or the role.',
    },
  },
];

/**
 * True when a pooler answered in place of the server. Servers tell the function that raised an error, poolers have none; and no server
 * takes a startup packet of slotcast for a violation of the protocol.
 */
export function isPoolerError(error: unknown): boolean {
  const cause = error instanceof PostgresConnectionError ? error.cause : undefined;
  return (
    cause instanceof ConnectionPoolerError ||
    (cause instanceof DatabaseError && cause.code === '08P01' && (cause.routine ?? '') === '')
  );
}

/** What a refusal while the session began means; `undefined` where the SQLSTATE tells as much as that of a statement. */
export function judgeRefusal(error: PostgresConnectionError): ErrorVerdict | undefined {
  const { cause } = error;
  if (isPoolerError(error)) {
    return { class: 'fatal', remedy: DIRECTLY };
  }
  if (cause instanceof PasswordMissingError) {
    const remedy = 'Give a password in the URL, PGPASSWORD or PGPASSFILE.';
    return { class: 'fatal', mayPass: true, remedy };
  }
  if (!(cause instanceof DatabaseError)) {
    return judgeDriverError(messageOf(cause));
  }
  if (!error.connecting) {
    return undefined;
  }
  const { code, routine = '' } = cause;
  if ((cause.where ?? '') !== '') {
    return {
      class: 'fatal',
      mayPass: true,
      remedy:
        'A login trigger of the database failed. Let its function return at once when pg_is_in_recovery() is true or session_user is the role of slotcast, or ALTER EVENT TRIGGER … DISABLE on the primary.',
    };
  }
  const row = refusalTable.find(
    (each) => code === each.state && (each.routine === undefined || each.routine.test(routine)),
  );
  return error.configuredDatabase ? row?.verdict : (row?.otherDatabase ?? row?.verdict);
}

/** The driver's own errors have no code. */
function judgeDriverError(message: string): ErrorVerdict | undefined {
  if (message.startsWith('SASL')) {
    const remedy = 'Let pg_hba.conf ask for scram-sha-256, and check the password.';
    return { class: 'fatal', mayPass: true, remedy };
  }
  if (message.startsWith('The server does not support SSL')) {
    const remedy = 'Turn ssl on on the server, or ask for no TLS: sslmode=disable in the URL, or PGSSLMODE.';
    return { class: 'fatal', mayPass: true, remedy };
  }
  return undefined;
}
