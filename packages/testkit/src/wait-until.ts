import { setTimeout as sleep } from 'node:timers/promises';

/** How long to wait and what to call it when it does not come true. */
export interface WaitOptions {
  /** Milliseconds until the wait fails; 60 s by default. */
  readonly timeoutMs?: number;
  /** Milliseconds between two looks; 50 by default. */
  readonly intervalMs?: number;
  /** What is waited for; a function may add what was seen last. */
  readonly describe: string | (() => string);
}

/**
 * Looks again and again until `condition` gives something other than `undefined` or `false`, and returns that.
 * An error thrown by `condition` ends the wait at once. Throws with the description when the time is over.
 */
export async function waitUntil<T>(
  condition: () => T | undefined | false | Promise<T | undefined | false>,
  options: WaitOptions,
): Promise<T> {
  const timeoutMs = options.timeoutMs ?? 60_000;
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const value = await condition();
    if (value !== undefined && value !== false) {
      return value;
    }
    if (performance.now() >= deadline) {
      const what = typeof options.describe === 'string' ? options.describe : options.describe();
      throw new Error(`Waited ${timeoutMs} ms in vain for: ${what}`);
    }
    await sleep(options.intervalMs ?? 50);
  }
}
