import type { ServerLife } from '../vocabulary/server-life.ts';
import { sameStart, type TimelineStart } from '../vocabulary/timeline-history.ts';

/** An end of recovery that a process has seen. */
export interface SeenEnd {
  /** When the server was started that was seen in recovery. */
  readonly serverStartedAt: number;
  /** How the timeline began that it wrote then; absent while that is not known. */
  readonly start: TimelineStart | undefined;
}

/**
 * What is left of what was seen of an end of recovery. `all`: the server has not been started since, nor has it crashed. `lasting`: it writes the
 * timeline that began then, but WAL may be gone that had not been flushed. `nothing`: it was promoted again since then.
 */
export type SeenEndWorth = 'all' | 'lasting' | 'nothing';

/** Judges that for a server that is a primary now. `start`: how its timeline began, by its history. */
export function judgeSeenEnd(
  seen: SeenEnd,
  { life, start }: { readonly life: ServerLife; readonly start: TimelineStart },
): SeenEndWorth {
  // A server that was seen in recovery, and has not been started since, leaves recovery once: that is the end that was seen.
  const own = seen.start ?? startIn(life, seen);
  if (!sameStart(own, start) || life.timeline !== start.timeline) {
    return 'nothing';
  }
  return isSameLife(seen, life) ? 'all' : 'lasting';
}

/**
 * How the timeline began that a server writes which was seen in recovery; `undefined` when it was started since. Where replay ended is where the timeline before was
 * left, also when the last record was not whole (measured on 16 to 18).
 */
export function startIn(
  { serverStartedAt, timeline, replayedLsn }: ServerLife,
  seen: Pick<SeenEnd, 'serverStartedAt'>,
): TimelineStart | undefined {
  return seen.serverStartedAt === serverStartedAt && replayedLsn !== undefined
    ? { timeline, switchLsn: replayedLsn }
    : undefined;
}

/** After a crash of its sessions a server that was not started anew ends its recovery elsewhere. */
function isSameLife(seen: SeenEnd, life: ServerLife): boolean {
  const start = startIn(life, seen);
  return start !== undefined && (seen.start === undefined || sameStart(seen.start, start));
}
