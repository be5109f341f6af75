/** A connection to PostgreSQL that could not be made, or was lost. */
export class PostgresConnectionError extends Error {
  override readonly name = 'PostgresConnectionError';
  /** SQLSTATE or system error code, when there is one. */
  readonly code: string | undefined;

  constructor(attempted: string, cause: unknown) {
    super(`${attempted}: ${messageOf(cause)}`, { cause });
    this.code = codeOf(cause);
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
