import { parseConnectionUri } from './connection-uri.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** By libpq's names, without those that are not set. */
export type ParameterValues = ReadonlyMap<string, string>;

/** Why a connection cannot be made as its parameters ask for. Repeats no value, which may be a secret. */
export interface ParameterProblem {
  /** The variable that it came from; `undefined`: the URL. */
  readonly variable: string | undefined;
  readonly text: string;
}

interface ParameterRow {
  /** libpq's variable for it. */
  readonly variable?: string;
  /** The values that are taken; absent: any. Of a parameter that is refused, those that ask for no more than there is. */
  readonly taken?: RegExp;
  /** What to do instead of another value. */
  readonly advice?: string;
}

const ANY = /^/;
/** Of port 0 node-postgres makes its default. */
const PORT = /^0*([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])$/;
const NEVER = /^(?!)/;
const ONE_SERVER = "slotcast stays with its own node's server, whatever its role";
const NO_GSS = 'GSSAPI and Kerberos are not supported; use scram-sha-256 or a client certificate';
const NOT_ENSURED = 'slotcast cannot ensure it; leave it out';
const NO_SERVICE_FILE = 'service files are not read; put host, port, dbname and user into the URL';
const NO_SOCKET_OPTION = 'Node.js leaves it to the operating system; leave it out';
const PROTOCOL = 'slotcast speaks version 3.0 of the protocol';
const NO_SCRAM_KEYS = 'not supported; use a password';
const NO_OAUTH = 'OAuth is not supported';
const OF_DRIVER = 'it would change how node-postgres talks to the server';
const secondsRow: ParameterRow = { taken: /^[0-9]{1,6}$/, advice: 'expected whole seconds' };
const tlsVersion = { taken: /^TLSv1(\.[1-3])?$/, advice: 'expected TLSv1, TLSv1.1, TLSv1.2 or TLSv1.3' };

/** What happens as the parameter says. */
const honoured: Readonly<Record<string, ParameterRow>> = {
  host: {
    variable: 'PGHOST',
    taken: /^[^,@][^,]*$/,
    advice: `expected one host, or one directory of a Unix socket; ${ONE_SERVER}`,
  },
  hostaddr: {
    variable: 'PGHOSTADDR',
    taken: /^([0-9]+(\.[0-9]+){3}|[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*)$/,
    advice: 'expected one numeric address',
  },
  port: { variable: 'PGPORT', taken: PORT, advice: 'expected one port from 1 to 65535' },
  dbname: { variable: 'PGDATABASE' },
  user: { variable: 'PGUSER' },
  password: { variable: 'PGPASSWORD' },
  passfile: { variable: 'PGPASSFILE' },
  options: { variable: 'PGOPTIONS' },
  application_name: { variable: 'PGAPPNAME' },
  fallback_application_name: {},
  connect_timeout: { ...secondsRow, variable: 'PGCONNECT_TIMEOUT' },
  keepalives: { taken: /^[01]$/, advice: 'expected 1 or 0' },
  keepalives_idle: secondsRow,
  sslmode: {
    variable: 'PGSSLMODE',
    taken: /^(disable|prefer|require|verify-ca|verify-full|no-verify)$/,
    advice: 'expected disable, prefer, require, verify-ca, verify-full or no-verify',
  },
  sslrootcert: { variable: 'PGSSLROOTCERT' },
  sslcert: { variable: 'PGSSLCERT' },
  sslkey: { variable: 'PGSSLKEY' },
  sslpassword: {},
  sslcrl: { variable: 'PGSSLCRL' },
  sslnegotiation: {
    variable: 'PGSSLNEGOTIATION',
    taken: /^(postgres|direct)$/,
    advice: 'expected postgres or direct',
  },
  ssl_min_protocol_version: { ...tlsVersion, variable: 'PGSSLMINPROTOCOLVERSION' },
  ssl_max_protocol_version: { ...tlsVersion, variable: 'PGSSLMAXPROTOCOLVERSION' },
  uselibpqcompat: { taken: /^(true|false)$/, advice: 'expected true or false' },
};

/** What cannot be had. A value that asks for no more than there is does no harm. */
const refused: Readonly<Record<string, ParameterRow>> = {
  target_session_attrs: { variable: 'PGTARGETSESSIONATTRS', taken: /^any$/, advice: ONE_SERVER },
  load_balance_hosts: { variable: 'PGLOADBALANCEHOSTS', taken: /^disable$/, advice: ONE_SERVER },
  service: { variable: 'PGSERVICE', advice: NO_SERVICE_FILE },
  servicefile: { variable: 'PGSERVICEFILE', advice: NO_SERVICE_FILE },
  require_auth: { variable: 'PGREQUIREAUTH', advice: NOT_ENSURED },
  channel_binding: {
    variable: 'PGCHANNELBINDING',
    taken: /^(disable|prefer)$/,
    advice: NOT_ENSURED,
  },
  requirepeer: { variable: 'PGREQUIREPEER', advice: NOT_ENSURED },
  requiressl: { variable: 'PGREQUIRESSL', taken: /^0$/, advice: 'use sslmode' },
  sslcrldir: { variable: 'PGSSLCRLDIR', advice: 'Node.js takes one file; use sslcrl' },
  sslcertmode: { variable: 'PGSSLCERTMODE', taken: /^allow$/, advice: NOT_ENSURED },
  sslcompression: { variable: 'PGSSLCOMPRESSION', taken: /^0$/, advice: 'TLS is never compressed' },
  sslsni: { variable: 'PGSSLSNI', taken: /^1$/, advice: 'Node.js always sends the name of the host' },
  sslkeylogfile: { advice: 'keys are never logged' },
  gssencmode: { variable: 'PGGSSENCMODE', taken: /^(disable|prefer)$/, advice: NO_GSS },
  krbsrvname: { variable: 'PGKRBSRVNAME', advice: NO_GSS },
  gsslib: { variable: 'PGGSSLIB', advice: NO_GSS },
  gssdelegation: { variable: 'PGGSSDELEGATION', taken: /^0$/, advice: NO_GSS },
  min_protocol_version: { variable: 'PGMINPROTOCOLVERSION', taken: /^3\.0$/, advice: PROTOCOL },
  max_protocol_version: { variable: 'PGMAXPROTOCOLVERSION', taken: /^(3\.0|3\.2|latest)$/, advice: PROTOCOL },
  scram_client_key: { advice: NO_SCRAM_KEYS },
  scram_server_key: { advice: NO_SCRAM_KEYS },
  oauth_issuer: { advice: NO_OAUTH },
  oauth_client_id: { advice: NO_OAUTH },
  oauth_client_secret: { advice: NO_OAUTH },
  oauth_scope: { advice: NO_OAUTH },
  client_encoding: {
    variable: 'PGCLIENTENCODING',
    taken: /^(utf-?8|auto)$/i,
    advice: 'slotcast reads UTF8 only',
  },
  keepalives_interval: { advice: NO_SOCKET_OPTION },
  keepalives_count: { advice: NO_SOCKET_OPTION },
  tcp_user_timeout: { taken: /^0$/, advice: NO_SOCKET_OPTION },
  replication: { variable: 'PGREPLICATION', advice: OF_DRIVER },
  binary: { variable: 'PGBINARY', advice: OF_DRIVER },
};

const knownParameters: ReadonlyMap<string, ParameterRow> = new Map(
  Object.entries({ ...honoured, ...refused }),
);

/**
 * What the URL says and, where it says nothing, libpq's variables, with everything that stands in the way of a connection like that: each
 * parameter of libpq is honoured as libpq does, or refused.
 */
export function connectionParameters(
  url: string | undefined,
  environment: Environment,
): { readonly values: ParameterValues; readonly problems: readonly ParameterProblem[] } {
  const problems: ParameterProblem[] = [];
  const values = new Map<string, string>();
  for (const [name, { variable }] of knownParameters) {
    const value = variable === undefined ? undefined : environment[variable];
    if (value !== undefined && value !== '') {
      take(name, value, variable);
    }
  }
  for (const [name, value] of readUrl()) {
    take(name, value, undefined);
  }
  return { values, problems: [...problems, ...contradictions(values)] };

  function readUrl(): ParameterValues {
    try {
      return url === undefined ? new Map() : parseConnectionUri(url);
    } catch (error) {
      problems.push({ variable: undefined, text: error instanceof Error ? error.message : String(error) });
      return new Map();
    }
  }

  function take(name: string, value: string, variable: string | undefined): void {
    const row = knownParameters.get(name);
    if (row === undefined) {
      problems.push({ variable, text: `${name} is no parameter of a connection URL` });
    } else if (!(row.taken ?? (Object.hasOwn(honoured, name) ? ANY : NEVER)).test(value)) {
      const what = variable === undefined ? `${name} cannot be taken: ` : '';
      problems.push({ variable, text: `${what}${row.advice}` });
    } else {
      values.set(name, value);
    }
  }
}

/** What each parameter allows, and all together do not. */
function contradictions(values: ParameterValues): ParameterProblem[] {
  const texts: string[] = [];
  const mode = values.get('sslmode');
  if (values.has('sslcert') !== values.has('sslkey')) {
    texts.push('sslcert and sslkey belong together: the certificate of the client, and its private key');
  }
  if (values.get('uselibpqcompat') === 'true' && mode === 'verify-ca' && !values.has('sslrootcert')) {
    texts.push('sslmode=verify-ca needs sslrootcert, with uselibpqcompat=true');
  }
  if (values.get('sslrootcert') === 'system' && mode !== 'verify-full') {
    texts.push('sslrootcert=system needs sslmode=verify-full');
  }
  if (
    values.get('sslnegotiation') === 'direct' &&
    (mode === undefined || mode === 'disable' || mode === 'prefer')
  ) {
    texts.push('sslnegotiation=direct needs sslmode=require or more');
  }
  return texts.map((text) => ({ variable: undefined, text }));
}
