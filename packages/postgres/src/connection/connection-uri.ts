/** What a connection URI says, by the names of libpq's parameters (`dbname`, not `database`). */
export type UriParameters = ReadonlyMap<string, string>;

/** What `ssl` says, which libpq knows as `ssl=true`, and node-postgres besides. */
const sslModes: ReadonlyMap<string, string> = new Map([
  ['true', 'require'],
  ['1', 'require'],
  ['false', 'disable'],
  ['0', 'disable'],
  ['no-verify', 'no-verify'],
]);

/**
 * Reads a connection URI as libpq does: `postgresql://[user[:password]@][host[:port]][/dbname][?name=value&…]`, with percent escapes
 * everywhere. What stands in the query replaces what stands before it, an empty value too. Throws a TypeError that repeats nothing of the URI, which may hold a
 * password.
 */
export function parseConnectionUri(uri: string): UriParameters {
  const match = /^postgres(?:ql)?:\/\/([^/?]*)(\/[^?]*)?(?:\?(.*))?$/s.exec(uri);
  if (match === null) {
    throw new TypeError('does not begin with postgres:// or postgresql://');
  }
  const [, authority = '', path = '', query = ''] = match;
  const parameters = new Map<string, string>();
  const set = (name: string, text: string): void => {
    const value = decode(text, name);
    if (value === '') {
      parameters.delete(name);
    } else {
      parameters.set(name, value);
    }
  };
  const at = authority.lastIndexOf('@');
  if (at >= 0) {
    const [, user = '', password = ''] = /^([^:]*)(?::(.*))?$/s.exec(authority.slice(0, at)) ?? [];
    set('user', user);
    set('password', password);
  }
  const { host, port } = splitHost(authority.slice(at + 1));
  set('host', host);
  set('port', port);
  set('dbname', path.slice(1));
  const parts = query.replace(/(?<=[^&])&$/, '');
  for (const part of parts === '' ? [] : parts.split('&')) {
    const [name, value, ...rest] = part.split('=');
    if (name === undefined || name === '' || value === undefined || rest.length > 0) {
      throw new TypeError('has a query part that is not name=value; an = in a value is %3D');
    }
    const decoded = decode(name, 'name of a parameter');
    if (decoded === 'ssl') {
      set('sslmode', sslModeOf(value));
    } else {
      set(decoded, value);
    }
  }
  return parameters;
}

function splitHost(text: string): { readonly host: string; readonly port: string } {
  const bracketed = /^\[([^\]]*)\](?::([^:]*))?$/.exec(text);
  const [, host = '', port = ''] = bracketed ?? /^([^:]*)(?::([^:]*))?$/.exec(text) ?? [];
  if (host === '' && port === '' && text !== '' && text !== ':') {
    throw new TypeError(
      'has a host or port that cannot be read; an IPv6 address stands in [ ], several hosts are not possible',
    );
  }
  return { host, port };
}

function sslModeOf(value: string): string {
  const mode = sslModes.get(value);
  if (mode === undefined) {
    throw new TypeError('has a value of ssl that is not true or false; use sslmode');
  }
  return mode;
}

function decode(text: string, what: string): string {
  try {
    const value = decodeURIComponent(text);
    if (value.includes('\0')) {
      throw new URIError('NUL');
    }
    return value;
  } catch {
    throw new TypeError(`has a malformed percent escape in its ${what}; a percent sign itself is %25`);
  }
}
