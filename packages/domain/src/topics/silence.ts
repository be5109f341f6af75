import type { Written } from './written.ts';

/** The clocks that a silence is measured by, in milliseconds. */
export interface SilenceClocks {
  readonly monotonicMs: number;
  readonly wallMs: number;
  /** When the newest record of either topic was stored. */
  readonly newestAt: number;
}

/**
 * Milliseconds since something was heard of; infinite when it never was. What arrived live counts from its arrival. What was there before counts
 * by the brokers' clock, against the clock here or the newest record of all, whichever is later: one that is behind makes no record look
 * younger than the newest one. The writer's clock counts for nothing.
 */
export function silentMs(
  heard: Pick<Written<unknown>, 'writtenAt' | 'heardAtMs'> | undefined,
  clocks: SilenceClocks,
): number {
  if (heard === undefined) {
    return Number.POSITIVE_INFINITY;
  }
  if (heard.heardAtMs !== undefined) {
    return Math.max(0, clocks.monotonicMs - heard.heardAtMs);
  }
  return Math.max(0, Math.max(clocks.wallMs, clocks.newestAt) - heard.writtenAt);
}
