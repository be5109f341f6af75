import { Deadline } from '@slotcast/kernel';

/** Nothing came back in time. */
export class DeadlineError extends Error {
  override readonly name = 'DeadlineError';
}

/**
 * Waits for a promise, but no longer than that: then throws a DeadlineError, and what the promise gives is ignored. `lastFailure` tells
 * what was the matter until then, if anything is known.
 */
export async function withDeadline<T>(
  promise: Promise<T>,
  timeoutMs: number,
  lastFailure: () => Error | undefined = () => undefined,
): Promise<T> {
  using deadline = new Deadline(undefined, timeoutMs);
  try {
    return await deadline.race(promise);
  } catch (error) {
    if (error !== deadline.signal.reason) {
      throw error;
    }
    const cause = lastFailure();
    const late = `no answer within ${Math.round(timeoutMs)} ms`;
    throw cause === undefined
      ? new DeadlineError(late)
      : new DeadlineError(`${late}; the last connection that failed: ${cause.message}`, { cause });
  }
}
