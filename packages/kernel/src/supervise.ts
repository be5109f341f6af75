import { backoffMs } from './backoff.ts';
import { type Clock, pause } from './clock.ts';
import { errorFields } from './error-fields.ts';
import { exitCodes } from './exit-code.ts';
import type { Logger } from './logger.ts';
import { repeatLevel } from './repeat-level.ts';
import { errorText, exitCodeOf, SlotcastError } from './slotcast-error.ts';

/** A server or broker that is back is to be noticed soon; an attempt costs little more than a connection. */
const BACKOFF = { initialMs: 100, maxMs: 2000 } as const;
/** How long a refusal that may pass is tried again before it ends the service: by then a grant is replayed, a password changed. */
const PATIENCE_MS = 5 * 60_000;

export interface SuperviseOptions {
  /** One attempt; resolves when another one should begin at once. `progressed` tells that it works, so that back-off starts anew. */
  readonly attempt: (progressed: () => void) => Promise<void>;
  /** Turns an error into the one to report; a SlotcastError that a restart will not fix ends everything, after minutes when it may pass. */
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
 * is aborted; rejects with the first error that a restart will not fix, or with one that might have passed and did not.
 */
export async function supervise(options: SuperviseOptions): Promise<void> {
  const { clock, logger, signal } = options;
  let failures = 0;
  /** When the refusals began, of which there was nothing else since. */
  let refusedSince: number | undefined;
  while (!signal.aborted) {
    try {
      await options.attempt(() => {
        failures = 0;
        refusedSince = undefined;
      });
    } catch (thrown) {
      if (signal.aborted) {
        return;
      }
      const error = options.explain(thrown);
      const refused = exitCodeOf(error) === exitCodes.precondition.code;
      refusedSince = refused ? (refusedSince ?? clock.monotonicMs()) : undefined;
      const patienceMs =
        refusedSince === undefined ? undefined : refusedSince + PATIENCE_MS - clock.monotonicMs();
      if (patienceMs !== undefined && (!mayPass(error) || patienceMs <= 0)) {
        throw error;
      }
      failures += 1;
      const retryInMs = Math.min(
        backoffMs(failures, BACKOFF, options.random),
        patienceMs ?? Number.POSITIVE_INFINITY,
      );
      options.onFailure(errorText(error));
      const fields = { ...errorFields(error, logger), failures, retryInMs, givesUpInMs: patienceMs };
      logger[refused ? 'error' : repeatLevel(failures)](fields, 'failed, will try again');
      await pause(clock, retryInMs, signal);
    }
  }
}

function mayPass(error: unknown): boolean {
  return error instanceof SlotcastError && error.mayPass;
}
