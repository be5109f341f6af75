import { backoffMs } from './backoff.ts';
import type { Clock } from './clock.ts';
import { errorFields } from './error-fields.ts';
import { exitCodes } from './exit-code.ts';
import type { Logger } from './logger.ts';
import { repeatLevel } from './repeat-level.ts';
import { errorText, exitCodeOf } from './slotcast-error.ts';

const BACKOFF = { initialMs: 100, maxMs: 10_000 } as const;

export interface SuperviseOptions {
  /** One attempt; resolves when another one should begin at once. `progressed` tells that it works, so that back-off starts anew. */
  readonly attempt: (progressed: () => void) => Promise<void>;
  /** Turns an error into the one to report; a SlotcastError that a restart will not mend ends everything. */
  readonly explain: (error: unknown) => unknown;
  readonly onFailure: (message: string) => void;
  readonly clock: Clock;
  /** Returns 0 ≤ x < 1. */
  readonly random: () => number;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/**
 * Attempts for ever, with a growing pause after each failure and a log level that rises with repetition. Resolves when the signal
 * is aborted; rejects with the first error that a restart will not mend.
 */
export async function supervise(options: SuperviseOptions): Promise<void> {
  const { clock, logger, signal } = options;
  let failures = 0;
  while (!signal.aborted) {
    try {
      await options.attempt(() => {
        failures = 0;
      });
    } catch (thrown) {
      if (signal.aborted) {
        return;
      }
      const error = options.explain(thrown);
      if (exitCodeOf(error) === exitCodes.precondition.code) {
        throw error;
      }
      failures += 1;
      const retryInMs = backoffMs(failures, BACKOFF, options.random);
      options.onFailure(errorText(error));
      const fields = { ...errorFields(error, logger), failures, retryInMs };
      logger[repeatLevel(failures)](fields, 'failed, will try again');
      await pause(clock, retryInMs, signal);
    }
  }
}

async function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  try {
    await clock.sleep(ms, signal);
  } catch (error) {
    if (!signal.aborted) {
      throw error;
    }
  }
}
