/** Where a server listens. Port 0 takes a free one. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/**
 * Reads `127.0.0.1:9477`, `[::1]:0`, `localhost:9477`, `:9477` (every address) or `off`. Throws a RangeError on
 * anything else.
 */
export function parseListen(text: string): ListenAddress | 'off' {
  if (text === 'off') {
    return 'off';
  }
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([^\s:[\]/@]*)):([0-9]{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) {
    throw new RangeError(`not a listen address: ${JSON.stringify(text)}`);
  }
  const host = match[1] ?? match[2] ?? '';
  return { host: host === '' ? '::' : host, port };
}

/** The address as it stands in a URL: IPv6 in brackets. */
export function formatListen(address: ListenAddress): string {
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}
