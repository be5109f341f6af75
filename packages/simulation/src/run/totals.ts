import type { History } from './history.ts';

/** What searches have run through, as plain numbers. */
export interface Totals {
  readonly histories: number;
  readonly failed: number;
  readonly steps: number;
  readonly calls: number;
  readonly virtualMs: number;
  /** Processor time. */
  readonly cpuMs: number;
}

export const noTotals: Totals = { histories: 0, failed: 0, steps: 0, calls: 0, virtualMs: 0, cpuMs: 0 };

export function withHistory(totals: Totals, { steps, calls, virtualMs, violations }: History): Totals {
  const failed = violations.length > 0 ? 1 : 0;
  return sum([totals, { histories: 1, failed, steps, calls, virtualMs, cpuMs: 0 }]);
}

export function sum(parts: readonly Totals[]): Totals {
  return parts.reduce(
    (all, each) => ({
      histories: all.histories + each.histories,
      failed: all.failed + each.failed,
      steps: all.steps + each.steps,
      calls: all.calls + each.calls,
      virtualMs: all.virtualMs + each.virtualMs,
      cpuMs: all.cpuMs + each.cpuMs,
    }),
    noTotals,
  );
}

/** In words, after `ms` by the clock. The rates of one processor are by processor time, as others may use the machine, too. */
export function tellTotals(totals: Totals, { ms, workers }: { ms: number; workers: number }): string {
  const { histories, failed, steps, calls, virtualMs, cpuMs } = totals;
  return (
    `${histories} histories in ${(ms / 1000).toFixed(1)} s with ${workers} ${workers === 1 ? 'process' : 'processes'}, ` +
    `${rate(histories, ms)} a minute; ${failed} broke an invariant; a minute of one processor takes ${rate(histories, cpuMs)} histories, ` +
    `${rate(steps, cpuMs)} steps, ${rate(calls, cpuMs)} calls, ${rate(virtualMs / 1000, cpuMs)} s of simulated time`
  );
}

function rate(count: number, ms: number): string {
  return Math.round((count / ms) * 60_000).toLocaleString('en');
}
