/**
 * kafkajs cuts a bootstrap server at its first colon, so an IPv6 address goes through it with dashes in the place of its colons, as
 * `[--1]:9092`, and is turned back where the connection is made. No name of a host has a bracket.
 */

/** A bootstrap server as kafkajs can read it. */
export function toKafkajs(server: string): string {
  const [, address, port] = /^\[(.*)\]:(\d+)$/.exec(server) ?? [];
  return address === undefined ? server : `[${address.replaceAll(':', '-')}]:${port}`;
}

/** The host to connect to, for one that kafkajs gives: of a bootstrap server, or as a broker advertises it. */
export function fromKafkajs(host: string): string {
  const [, address] = /^\[(.*)\]$/.exec(host) ?? [];
  return address === undefined ? host : address.replaceAll('-', ':');
}

/** As in a list of bootstrap servers. */
export function formatAddress(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
