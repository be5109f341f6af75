import { errorText } from '@slotcast/kernel';
import { waitUntil } from '@slotcast/testkit';
import { DemoFailure } from './demo-failure.ts';

const INTERVAL_MS = 50;

export interface Patience<T> {
  /** What is waited for. */
  readonly what: string;
  readonly timeoutMs: number;
  /** Gives the result, or `undefined` or false when it is not there yet. */
  readonly look: () => T | undefined | false | Promise<T | undefined | false>;
  /** What to show when the time is over. */
  readonly explain: () => Promise<readonly string[]>;
}

/** Looks until there is a result. Throws a DemoFailure with an explanation when the time is over. */
export async function waitPatiently<T>({ what, timeoutMs, look, explain }: Patience<T>): Promise<T> {
  try {
    return await waitUntil(look, { timeoutMs, intervalMs: INTERVAL_MS, describe: what });
  } catch (cause) {
    if (cause instanceof DemoFailure) {
      throw cause;
    }
    throw new DemoFailure(errorText(cause), { evidence: await explain(), cause });
  }
}
