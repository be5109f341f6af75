/** A connection to PostgreSQL that could not be made, or was lost. */
export class PostgresConnectionError extends Error {
  override readonly name = 'PostgresConnectionError';
  /** SQLSTATE or system error code, when there is one. */
  readonly code: string | undefined;
  /** It could not be made; else it was lost. */
  readonly connecting: boolean;
  /** It was to the database of the configuration, and not to one that slots are in. */
  readonly configuredDatabase: boolean;

  constructor(
    attempted: string,
    cause: unknown,
    state: { readonly connecting?: boolean; readonly configuredDatabase?: boolean } = {},
  ) {
    super(`${attempted}: ${messageOf(cause)}`, { cause });
    this.code = codeOf(cause);
    this.connecting = state.connecting ?? false;
    this.configuredDatabase = state.configuredDatabase ?? true;
  }
}

/** What answers is no server, but a pooler that lends out sessions of one. */
export class ConnectionPoolerError extends Error {
  override readonly name = 'ConnectionPoolerError';

  constructor(greeted: number, answering: number | undefined) {
    super(
      `a connection pooler is in between: the connection was made to process ${greeted}, and process ${answering ?? 'none'} of the server answers`,
    );
  }
}

/** A database that this server does not have, as its own catalog tells. */
export class DatabaseGoneError extends Error {
  override readonly name = 'DatabaseGoneError';
  /** SQLSTATE invalid_catalog_name. */
  readonly code = '3D000';

  constructor(described: string) {
    super(`there is no database ${described} on this server`);
  }
}

/** A statement that was cancelled because it took longer than its caller allowed. */
export class StatementTimeoutError extends Error {
  override readonly name = 'StatementTimeoutError';
  /** SQLSTATE query_canceled. */
  readonly code = '57014';

  constructor(statement: string, timeoutMs: number) {
    super(`cancelled after ${timeoutMs} ms: ${statement}`);
  }
}

/** `code` of anything that was thrown; of the first part that has one, when several addresses were tried. */
export function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) {
    return undefined;
  }
  if ('code' in error && typeof error.code === 'string') {
    return error.code;
  }
  return error instanceof AggregateError
    ? error.errors.map(codeOf).find((code) => code !== undefined)
    : undefined;
}

/** The message of anything that was thrown; of all parts, when several addresses were tried. */
export function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') {
    return error.errors.map(messageOf).join('; ');
  }
  return error instanceof Error ? error.message : String(error);
}
