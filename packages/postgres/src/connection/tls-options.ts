import { readFileSync } from 'node:fs';
import type { ConnectionOptions as TlsOptions } from 'node:tls';
import type { ParameterProblem, ParameterValues } from './connection-parameters.ts';

/** The files of TLS, and what Node.js calls their contents. */
const tlsFiles = { sslrootcert: 'ca', sslcert: 'cert', sslkey: 'key', sslcrl: 'crl' } as const;

const tlsVersions = ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'] as const;

/** Stands in `sslrootcert` for the authorities that this machine trusts. */
const TRUSTED_HERE = 'system';

/**
 * How to encrypt, for node-postgres: `false` is not at all, which is so unless something asks for it, and over a Unix socket. Every mode but
 * `no-verify` verifies certificate and name, which is more than libpq does; with `uselibpqcompat=true` it is as libpq does. Files are read
 * anew for each connection, as certificates are renewed.
 */
export function tlsOptions(values: ParameterValues): {
  readonly ssl: false | TlsOptions;
  readonly problems: readonly ParameterProblem[];
} {
  const { files, problems } = readFiles(values);
  const mode = values.get('sslmode');
  const wanted = mode === undefined ? Object.keys(files).length > 0 : mode !== 'disable';
  if (!wanted || values.get('host')?.startsWith('/') === true) {
    return { ssl: false, problems };
  }
  const passphrase = values.get('sslpassword');
  const ssl: TlsOptions = {
    ...files,
    ...(passphrase === undefined ? {} : { passphrase }),
    ...protocolVersions(values),
    ...verification(mode, values),
    ...serverName(values),
  };
  return { ssl, problems };
}

function readFiles(values: ParameterValues): {
  readonly files: TlsOptions;
  readonly problems: readonly ParameterProblem[];
} {
  const files: TlsOptions = {};
  const problems: ParameterProblem[] = [];
  for (const [parameter, option] of Object.entries(tlsFiles)) {
    const path = values.get(parameter);
    if (path !== undefined && path !== TRUSTED_HERE) {
      try {
        files[option] = readFileSync(path, 'utf8');
      } catch (error) {
        const said = error instanceof Error ? error.message : String(error);
        problems.push({ variable: undefined, text: `${parameter} cannot be read: ${said}` });
      }
    }
  }
  return { files, problems };
}

function protocolVersions(values: ParameterValues): TlsOptions {
  return {
    ...version('minVersion', values.get('ssl_min_protocol_version')),
    ...version('maxVersion', values.get('ssl_max_protocol_version')),
  };
}

function version(option: 'minVersion' | 'maxVersion', text: string | undefined): TlsOptions {
  const known = tlsVersions.find((each) => each === text);
  return known === undefined ? {} : { [option]: known };
}

function verification(mode: string | undefined, values: ParameterValues): TlsOptions {
  if (mode === 'no-verify') {
    return { rejectUnauthorized: false };
  }
  if (values.get('uselibpqcompat') !== 'true' || mode === 'verify-full' || mode === undefined) {
    return {};
  }
  // libpq takes `require` with authorities for `verify-ca`, and verifies nothing without.
  return mode === 'verify-ca' || (mode === 'require' && values.has('sslrootcert'))
    ? { checkServerIdentity: () => undefined }
    : { rejectUnauthorized: false };
}

/** With `hostaddr` the connection goes to a number, and the certificate has the name. */
function serverName(values: ParameterValues): TlsOptions {
  const host = values.get('host');
  return values.has('hostaddr') && host !== undefined ? { host, servername: host } : {};
}
