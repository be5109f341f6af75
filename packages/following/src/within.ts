import { Deadline, type ErrorCode, SlotcastError } from '@slotcast/kernel';

/** What a promise that takes too long is taken for. */
export interface Late {
  readonly code: ErrorCode;
  readonly message: string;
}

/** What the promise comes to. Rejects with the given error when the time is over, and with the signal's reason when that is aborted. */
export async function within<T>(
  promise: Promise<T>,
  ms: number,
  signal: AbortSignal,
  late: Late,
): Promise<T> {
  using deadline = new Deadline(signal, ms);
  try {
    return await deadline.race(promise);
  } catch (error) {
    throw deadline.expired ? new SlotcastError(late.code, late.message) : error;
  }
}
