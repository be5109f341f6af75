import type { ParameterProblem } from './connection-parameters.ts';

/** The URL or the `PG*` variables cannot be used for a connection, or a file that they name cannot be read. */
export class ConnectionSettingsError extends Error {
  override readonly name = 'ConnectionSettingsError';

  constructor(problems: readonly ParameterProblem[]) {
    super(problems.map(({ variable, text }) => `${variable ?? 'the PostgreSQL URL'}: ${text}`).join('; '));
  }
}

/** The server asked for a password, and there is none. */
export class PasswordMissingError extends Error {
  override readonly name = 'PasswordMissingError';
}
