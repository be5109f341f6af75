import type { Logger } from './logger.ts';
import { errorText, SlotcastError } from './slotcast-error.ts';

/** An error as fields of one log line. */
export interface ErrorFields {
  /** Its message, once. */
  readonly error: string;
  readonly code?: string;
  readonly remedy?: string;
  /** What lies behind it, where the message does not say so itself. */
  readonly cause?: string;
  /** For those who look into the program: at level `debug` only. */
  readonly stack?: string;
}

/** What a line about an error says: pino's own form of it repeats the message for each cause, and has all stacks. */
export function errorFields(error: unknown, logger: Logger): ErrorFields {
  const text = errorText(error);
  const cause = causeOf(error, text);
  return {
    ...(error instanceof SlotcastError ? { code: error.code } : {}),
    error: text,
    ...(error instanceof SlotcastError ? { remedy: error.remedy } : {}),
    ...(cause === undefined ? {} : { cause }),
    ...(logger.isLevelEnabled('debug') ? { stack: stackOf(error) } : {}),
  };
}

/** The stack of an error, and those of what caused it. */
export function stackOf(error: unknown): string {
  if (!(error instanceof Error)) {
    return String(error);
  }
  const own = error.stack ?? errorText(error);
  return error.cause === undefined ? own : `${own}\ncaused by: ${stackOf(error.cause)}`;
}

function causeOf(error: unknown, text: string): string | undefined {
  if (!(error instanceof Error) || error.cause === undefined) {
    return undefined;
  }
  const cause = errorText(error.cause);
  return text.includes(cause) ? undefined : cause;
}
