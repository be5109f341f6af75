import { supports } from '@slotcast/domain';

/**
 * What every session of slotcast runs with, whatever the server, the database, the role and PGOPTIONS are set to: each of these could break a
 * statement, end the session, or change what is read. All of them are known since 13, and any role may set them.
 */
const fixedSettings: Readonly<Record<string, string>> = {
  // No name in any statement can be taken from another schema, nor the statement be run as another role.
  search_path: 'pg_catalog',
  role: 'none',
  // Statements and sessions live as long as slotcast wants.
  lock_timeout: '0',
  idle_in_transaction_session_timeout: '0',
  exit_on_error: 'off',
  wal_sender_timeout: '60s',
  // A standby refuses every query of a serializable transaction.
  default_transaction_isolation: 'read committed',
  default_transaction_read_only: 'off',
  default_transaction_deferrable: 'off',
  // Values come and go as text, which has to be the text that both sides mean.
  client_encoding: 'UTF8',
  standard_conforming_strings: 'on',
  array_nulls: 'on',
  quote_all_identifiers: 'off',
  bytea_output: 'hex',
  extra_float_digits: '1',
  DateStyle: 'ISO, MDY',
  IntervalStyle: 'postgres',
  TimeZone: 'UTC',
  // Rows are compared as text between servers whose configuration may differ: money is written by it.
  lc_monetary: 'C',
  client_min_messages: 'warning',
  // Its statements are small, and asked often.
  jit: 'off',
};

/**
 * A database of encoding SQL_ASCII refuses to show text that is not of the client's encoding, and names of databases and of prepared transactions
 * are whatever bytes they were made with: one such name would fail a whole statement. Without a conversion it is only not legible.
 */
const VALUE_HERE = `case when name = 'client_encoding' and pg_catalog.getdatabaseencoding() = 'SQL_ASCII' then 'SQL_ASCII' else value end`;

/** How often the server looks whether the client of a long statement is still there. */
const CLIENT_CHECK_INTERVAL = '1s';

export interface SessionWishes {
  /** The server ends any statement that takes longer; absent: none. */
  readonly statementTimeoutMs?: number | undefined;
  /** Major version of the server, where it is known already. */
  readonly major?: number | undefined;
}

/**
 * The command-line options for the startup packet: `given` are the user's own, of which those that are fixed lose. What depends on an unknown
 * version is left to `fixSettingsText`, as an option that the server does not know ends the connection.
 */
export function startupOptions(given: string | undefined, wishes: SessionWishes): string {
  const options = Object.entries(settingsFor(wishes)).map(
    ([name, value]) => `-c ${name}=${value.replaceAll(' ', '\\ ')}`,
  );
  return [given, ...options].filter((part) => part !== undefined && part !== '').join(' ');
}

/**
 * The statement that fixes the settings again, with those of the server's version, and tells the process that ran it. A login trigger runs
 * after the startup packet and may have changed some. Where another process answers than the one that the connection was made to, a pooler
 * is in between: then nothing is set, as others have that session, too. It has no parameters, so that walsender sessions take it.
 */
export function fixSettingsText(
  processId: number,
  wishes: SessionWishes & { readonly major: number },
): string {
  const settings: Record<string, string> = { ...settingsFor(wishes) };
  if (supports(wishes.major, 'clientConnectionCheck')) {
    settings['client_connection_check_interval'] = CLIENT_CHECK_INTERVAL;
  }
  const rows = Object.entries(settings).map(([name, value]) => `('${name}', '${value}')`);
  return `
    select pg_catalog.pg_backend_pid() as process_id,
           (select pg_catalog.count(pg_catalog.set_config(name, ${VALUE_HERE}, false))
              from (values ${rows.join(', ')}) as fixed (name, value)
             where pg_catalog.pg_backend_pid() = ${processId}
               -- A server on Windows cannot do it, and refuses every value but 0.
               and (name <> 'client_connection_check_interval' or pg_catalog.version() !~* 'windows|msvc|visual c|mingw')
           ) as settings`;
}

function settingsFor({ statementTimeoutMs, major }: SessionWishes): Readonly<Record<string, string>> {
  return {
    ...fixedSettings,
    statement_timeout: String(statementTimeoutMs ?? 0),
    ...(major !== undefined && supports(major, 'idleSessionTimeout') ? { idle_session_timeout: '0' } : {}),
    ...(major !== undefined && supports(major, 'transactionTimeout') ? { transaction_timeout: '0' } : {}),
  };
}
