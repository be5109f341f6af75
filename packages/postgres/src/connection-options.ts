import type { ConnectionOptions as TlsOptions } from 'node:tls';
import type { ClientConfig } from 'pg';
import { parseIntoClientConfig } from 'pg-connection-string';
import { startupOptions } from './fixed-settings.ts';

const CONNECT_TIMEOUT_MS = 10_000;
const KEEPALIVE_IDLE_MS = 10_000;

/** Where to connect, and as whom. What is left out comes from libpq's `PG*` variables and `PGPASSFILE`, as node-postgres reads them. */
export interface PostgresOptions {
  /** A connection URI; its parts take precedence over the single fields below, except for `database`. */
  readonly url?: string | undefined;
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  /** Takes precedence over the database of the URI. */
  readonly database?: string | undefined;
  readonly ssl?: boolean | TlsOptions | undefined;
  /** `application_name` unless the URI or `PGAPPNAME` has one. */
  readonly applicationName: string;
  /** Opens a walsender session (`replication=database`), which takes replication commands. */
  readonly replication?: boolean | undefined;
  /** The server ends any statement that takes longer (57014). */
  readonly statementTimeoutMs?: number | undefined;
  /** Major version of the server, for a client that fixes its settings by the startup packet alone. */
  readonly major?: number | undefined;
  /** 10 s by default, or `PGCONNECT_TIMEOUT`. */
  readonly connectTimeoutMs?: number | undefined;
  /** Gives up connecting; it has no effect on the connection once made. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * What node-postgres needs for these options. `search_path` is set by a startup option rather than a statement, so that
 * no name in any statement can ever be taken from another schema. Throws a TypeError when the URI is malformed.
 */
export function clientConfig(options: PostgresOptions): ClientConfig {
  const { database, statementTimeoutMs, major } = options;
  const given = { ...singleFields(options), ...(options.url === undefined ? {} : parseUrl(options.url)) };
  const serverOptions = given.options ?? process.env['PGOPTIONS'];
  return {
    ...given,
    ...(database === undefined ? {} : { database }),
    ...(options.replication === true ? { replication: 'database' } : {}),
    options: startupOptions(serverOptions, { statementTimeoutMs, major }),
    fallback_application_name: options.applicationName,
    connectionTimeoutMillis: connectTimeoutMs(options),
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEPALIVE_IDLE_MS,
  };
}

function singleFields(options: PostgresOptions): ClientConfig {
  const { host, port, user, password, ssl } = options;
  return {
    ...(host === undefined ? {} : { host }),
    ...(port === undefined ? {} : { port }),
    ...(user === undefined ? {} : { user }),
    ...(password === undefined ? {} : { password }),
    ...(ssl === undefined ? {} : { ssl }),
  };
}

/** The parts that a URI really names: an empty one must not hide a `PG*` variable. */
function parseUrl(url: string): ClientConfig {
  if (!/^postgres(ql)?:\/\//.test(url)) {
    throw new TypeError('the PostgreSQL URL does not begin with postgres:// or postgresql://');
  }
  try {
    const parsed = parseIntoClientConfig(url);
    return Object.fromEntries(Object.entries(parsed).filter(([, value]) => value !== ''));
  } catch (cause) {
    // The URL itself may hold a password and stays out of the message.
    const said = cause instanceof Error ? cause.message : String(cause);
    throw new TypeError(`the PostgreSQL URL cannot be read: ${said}`, { cause });
  }
}

/** How long making a connection may take. */
export function connectTimeoutMs(options: PostgresOptions): number {
  return options.connectTimeoutMs ?? environmentTimeoutMs() ?? CONNECT_TIMEOUT_MS;
}

function environmentTimeoutMs(): number | undefined {
  const seconds = Number(process.env['PGCONNECT_TIMEOUT'] ?? '');
  return seconds > 0 ? seconds * 1000 : undefined;
}
