import { type ErrorCode, errorCodes } from './error-codes.ts';
import { type ExitCode, exitCodes } from './exit-code.ts';

export interface SlotcastErrorOptions {
  /** What to do here and now, when it is more exact than the remedy of the code. */
  readonly remedy?: string;
  /** Waiting for some minutes may help, though the code stands for what a restart will not fix. */
  readonly mayPass?: boolean;
  readonly cause?: unknown;
}

/** An error that a user can act on: what was tried, on what, what came back, and what to do. */
export class SlotcastError extends Error {
  override readonly name: string = 'SlotcastError';
  readonly code: ErrorCode;
  readonly exitCode: ExitCode;
  readonly remedy: string;
  readonly mayPass: boolean;

  constructor(code: ErrorCode, message: string, options: SlotcastErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    const row = errorCodes[code];
    this.code = code;
    this.exitCode = exitCodes[row.exit].code;
    this.remedy = options.remedy ?? row.remedy;
    this.mayPass = options.mayPass ?? false;
  }
}

/** The exit code that an error of any kind stands for; 1 when it is not a SlotcastError. */
export function exitCodeOf(error: unknown): ExitCode {
  return error instanceof SlotcastError ? error.exitCode : exitCodes.failed.code;
}

/** Code, message and remedy of an error as a human reads them, without a stack. */
export function describeError(error: unknown): string {
  if (error instanceof SlotcastError) {
    return `${error.message}\n${error.remedy} [${error.code}]`;
  }
  return `${errorText(error)}\n${errorCodes.SC_UNEXPECTED.remedy} [SC_UNEXPECTED]`;
}

/**
 * The message of anything that was thrown. Connection errors of Node to a name with several addresses are an AggregateError with an
 * empty message: their parts are named instead.
 */
export function errorText(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') {
    return error.errors.map(errorText).join('; ');
  }
  if (error instanceof Error) {
    return error.message === '' ? error.name : error.message;
  }
  return String(error);
}
