/** How long after a change the publisher keeps polling at its fastest. */
const LIVELY_MS = 2000;
/** The query may take 5 % of the time. */
const QUERY_TIMES = 20;
/** Weights of the newest query time in the smoothed one: a slow answer is believed more slowly than a quick one. */
const RISE = 0.2;
const FALL = 0.5;
/** Taken as usual before anything was measured; the first query of a connection is always a slow one. */
const FIRST_QUERY_MS = 1;
/** Bound on the pause that slow queries can cause, so that a stalled server does not silence the publisher for minutes. */
const MAX_QUERY_PAUSE_MS = 5000;

/** What is remembered between polls. */
export interface PollPace {
  /** Present step of the back-off. */
  readonly stepMs: number;
  /** Smoothed duration of the query. */
  readonly queryMs: number;
}

/**
 * Says how long to wait before the next poll: `pollMinMs` while anything changed in the last 2 s, then twice as long after every
 * poll without a change, up to `pollMaxMs`; back at once with the first change. Earlier, but not below `pollMinMs`, when a change
 * that was held back becomes due (`nextDueAt`). Above all, at least 20 times as long as the query usually takes, even beyond
 * `pollMaxMs`: with 500 slots a poll every 20 ms would take an eighth of a core of the primary. A single slow answer counts for at
 * most twice the usual one, and that pause ends at 5 s.
 *
 * All times are milliseconds; `now`, `lastChangeAt` and `nextDueAt` of one monotonic clock.
 */
export function nextPoll(input: {
  /** What the previous call returned; absent for the first. */
  readonly pace?: PollPace | undefined;
  readonly now: number;
  readonly lastChangeAt?: number | undefined;
  /** How long the query of this poll took. */
  readonly queryMs: number;
  readonly pollMinMs: number;
  readonly pollMaxMs: number;
  readonly nextDueAt?: number | undefined;
}): { readonly delayMs: number; readonly pace: PollPace } {
  const { pace, now, lastChangeAt, pollMinMs, pollMaxMs, nextDueAt } = input;
  const lively = lastChangeAt !== undefined && now - lastChangeAt < LIVELY_MS;
  const stepMs = lively || pace === undefined ? pollMinMs : Math.min(pace.stepMs * 2, pollMaxMs);
  const queryMs = smoothed(pace?.queryMs ?? FIRST_QUERY_MS, input.queryMs);
  const wantedMs = Math.min(stepMs, Math.max(pollMinMs, (nextDueAt ?? Number.POSITIVE_INFINITY) - now));
  return {
    delayMs: Math.max(wantedMs, Math.min(queryMs * QUERY_TIMES, MAX_QUERY_PAUSE_MS)),
    pace: { stepMs, queryMs },
  };
}

function smoothed(usualMs: number, sampleMs: number): number {
  // One millisecond on top, or a usual time of zero could never grow.
  const counted = Math.min(sampleMs, usualMs * 2 + 1);
  return usualMs + (counted < usualMs ? FALL : RISE) * (counted - usualMs);
}
