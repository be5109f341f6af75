/** A connection to a broker that was not made, broke, or was not answered. */
export class BrokerConnectionError extends Error {
  override readonly name = 'BrokerConnectionError';
  /** Of the system or of TLS. */
  readonly code: string | undefined;

  constructor(address: string, error: Error) {
    super(error.message.includes(address) ? error.message : `${address}: ${error.message}`);
    this.code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  }
}

/** The failure of a broker that accepts a connection and does not do its part of it. */
export function noAnswer(what: string): Error {
  return Object.assign(new Error(what), { code: 'ETIMEDOUT' });
}
