import { userInfo } from 'node:os';
import type { ClientConfig } from 'pg';
import type { PostgresConnection } from './connection.ts';
import {
  connectionParameters,
  type Environment,
  type ParameterProblem,
  type ParameterValues,
} from './connection-parameters.ts';
import { ConnectionSettingsError } from './connection-settings-error.ts';
import { startupOptions } from './fixed-settings.ts';
import { readPassword } from './password-file.ts';
import { tlsOptions } from './tls-options.ts';

const CONNECT_TIMEOUT_MS = 10_000;
const KEEPALIVE_IDLE_MS = 10_000;
const DEFAULT_PORT = '5432';

/** Where to connect, and as whom. What is left out comes from libpq's `PG*` variables and its password file. */
export interface PostgresOptions {
  /** A connection URI, in place of the next three fields. */
  readonly url?: string | undefined;
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly user?: string | undefined;
  /** Takes precedence over the database of the URI. */
  readonly database?: string | undefined;
  /** `application_name` unless the URI or `PGAPPNAME` has one. */
  readonly applicationName: string;
  /** Opens a walsender session (`replication=database`), which takes replication commands. */
  readonly replication?: boolean | undefined;
  /** The server ends any statement that takes longer (57014). */
  readonly statementTimeoutMs?: number | undefined;
  /** Major version of the server, for a client that fixes its settings by the startup packet alone. */
  readonly major?: number | undefined;
  /** 10 s by default, or what the URI or `PGCONNECT_TIMEOUT` says. */
  readonly connectTimeoutMs?: number | undefined;
  /** Gives up connecting; it has no effect on the connection once made. */
  readonly signal?: AbortSignal | undefined;
  /** Makes the sessions in place of the driver: a server that is simulated. Then nothing of the above that says where to connect is looked at. */
  readonly sessions?: SessionSource | undefined;
}

/** Where sessions come from that are none of a real server. */
interface SessionSource {
  /** As `connectPostgres`, with the same rejections. */
  connect(options: PostgresOptions): Promise<PostgresConnection>;
}

/** Everything in the URL and the `PG*` variables that stands in the way of a connection, files that cannot be read included. */
export function connectionProblems(
  url: string | undefined,
  environment: Environment,
): readonly ParameterProblem[] {
  const { values, problems } = connectionParameters(url, environment);
  return [...problems, ...tlsOptions(values).problems, ...placeProblems(values)];
}

/**
 * What node-postgres needs for these options. All that decides is set, as it would else look for variables of its own. Settings of the session are
 * startup options rather than statements, so that the first statement has them. Throws a ConnectionSettingsError when
 * the URL or a variable cannot be used, or a file not be read.
 */
export function clientConfig(options: PostgresOptions): ClientConfig {
  const { applicationName, major, replication, statementTimeoutMs } = options;
  const values = valuesOf(options);
  const { ssl, problems } = tlsOptions(values);
  const wrong = [...problems, ...placeProblems(values)];
  if (wrong.length > 0) {
    throw new ConnectionSettingsError(wrong);
  }
  const user = values.get('user') ?? ownUser() ?? '';
  const database = options.database ?? values.get('dbname') ?? user;
  const host = values.get('host') ?? values.get('hostaddr') ?? '';
  const port = values.get('port') ?? DEFAULT_PORT;
  const idle = values.get('keepalives_idle');
  return {
    host: values.get('hostaddr') ?? host,
    port: Number(port),
    user,
    database,
    password:
      values.get('password') ?? (() => readPassword(values.get('passfile'), { host, port, database, user })),
    ssl,
    sslnegotiation: ssl !== false && values.get('sslnegotiation') === 'direct' ? 'direct' : 'postgres',
    ...(replication === true ? { replication: 'database' } : {}),
    client_encoding: 'utf8',
    options: startupOptions(values.get('options'), { statementTimeoutMs, major }),
    application_name:
      values.get('application_name') ?? values.get('fallback_application_name') ?? applicationName,
    connectionTimeoutMillis: connectTimeoutMs(options),
    keepAlive: values.get('keepalives') !== '0',
    keepAliveInitialDelayMillis: idle === undefined ? KEEPALIVE_IDLE_MS : Number(idle) * 1000,
  };
}

/** How long making a connection may take. A 0, with which libpq waits for ever, is as good as none. */
export function connectTimeoutMs(options: PostgresOptions): number {
  const seconds = Number(valuesOf(options).get('connect_timeout') ?? '0');
  return options.connectTimeoutMs ?? (seconds > 0 ? seconds * 1000 : CONNECT_TIMEOUT_MS);
}

function valuesOf(options: PostgresOptions): ParameterValues {
  const { host, port, user } = options;
  const { values, problems } = connectionParameters(options.url, process.env);
  if (problems.length > 0) {
    throw new ConnectionSettingsError(problems);
  }
  const fields = Object.entries({ host, port: port?.toString(), user });
  const given = options.url === undefined ? fields : [];
  return new Map([
    ...values,
    ...given.flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const])),
  ]);
}

/** Nobody wants a server that nobody named: libpq would look for a socket, and node-postgres for this machine. */
function placeProblems(values: ParameterValues): ParameterProblem[] {
  const texts: string[] = [];
  if (!values.has('host') && !values.has('hostaddr')) {
    texts.push('names no host; give localhost, or host= with the directory of the Unix socket');
  }
  if (!values.has('user') && ownUser() === undefined) {
    texts.push('names no user, and the user of this process has no name');
  }
  return texts.map((text) => ({ variable: undefined, text }));
}

/** As libpq does, the user of the process; in a container it may have no entry in the list of users. */
function ownUser(): string | undefined {
  try {
    return userInfo().username;
  } catch {
    return undefined;
  }
}
