import { MAX_PAUSE_MS, quickestDuration, restPause, usualDuration } from './usual-duration.ts';

/** How long after a change the publisher keeps polling at its fastest. */
const LIVELY_MS = 2000;
/** The query may take 10 % of the time, at its quickest; of a processor it takes about half of that. */
const QUERY_TIMES = 10;
/** Of the time for polling while nothing changes. */
const REST_SHARE = 0.01;
/** Taken as usual before anything was measured; the first query of a connection is always a slow one. */
const FIRST_MS = 1;

/** What is remembered between polls. */
export interface PollPace {
  /** Present step of the back-off. */
  readonly stepMs: number;
  /** What the query takes at its quickest. */
  readonly queryMs: number;
  /** Usual duration of the query and of what was made of its answer. */
  readonly roundMs: number;
}

/**
 * Says how long to wait before the next poll: `pollMinMs` while anything changed in the last 2 s, then twice as long after every
 * poll without a change, up to `pollMaxMs`, or to where polling takes 1 % of the time if that is longer; back at once with the first change.
 * Earlier, but not below `pollMinMs`, when a change that was held back becomes due (`nextDueAt`). Above all, at least 10 times as long as the
 * query takes at its quickest, even beyond `pollMaxMs`, so that thousands of slots do not become a load on the primary. A single
 * slow answer counts for little, and what slow polls add ends at 5 s.
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
  /** The same with the work on its answer, without what was published. */
  readonly roundMs: number;
  readonly pollMinMs: number;
  readonly pollMaxMs: number;
  readonly nextDueAt?: number | undefined;
}): { readonly delayMs: number; readonly pace: PollPace } {
  const { pace, now, lastChangeAt, pollMinMs, pollMaxMs, nextDueAt } = input;
  const queryMs = quickestDuration(pace?.queryMs ?? FIRST_MS, input.queryMs);
  const roundMs = usualDuration(pace?.roundMs ?? FIRST_MS, input.roundMs);
  const lively = lastChangeAt !== undefined && now - lastChangeAt < LIVELY_MS;
  const longestMs = restPause({ usualMs: roundMs, idleMs: pollMaxMs, share: REST_SHARE });
  const stepMs = lively || pace === undefined ? pollMinMs : Math.min(pace.stepMs * 2, longestMs);
  const wantedMs = Math.min(stepMs, Math.max(pollMinMs, (nextDueAt ?? Number.POSITIVE_INFINITY) - now));
  return {
    delayMs: Math.max(wantedMs, Math.min(queryMs * QUERY_TIMES, MAX_PAUSE_MS)),
    pace: { stepMs, queryMs, roundMs },
  };
}
