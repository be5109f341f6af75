import {
  type FencePass,
  judgeSeenEnd,
  lastingPass,
  type RaisedFence,
  type SeenEnd,
  type ServerLife,
  type TimelineHistory,
  type TimelineStart,
} from '@slotcast/domain';
import type { RecoveryBaseline } from './wal-fence.ts';

/** The end of a recovery that this process has seen. */
export interface EndedRecovery extends SeenEnd {
  /** When the server was still in recovery, or later, by the monotonic clock. */
  readonly recoveringAtMs: number;
  /** The transactions when recovery ended, as far as this process saw it. */
  readonly baseline: RecoveryBaseline;
  readonly passes: readonly RaisedFence[];
  /** The server's line of descent since then, as far as this process could follow it. */
  readonly history?: TimelineHistory | undefined;
}

/** What a promoted server's commits are known by. */
export interface SeenCommits {
  readonly baseline: RecoveryBaseline | undefined;
  readonly passes: readonly FencePass[];
}

/**
 * What an end of recovery that was seen tells of the timeline that the server writes now, of which `start` is the beginning by its history. A process that was
 * frozen, or could not connect, may have missed another recovery, and the fence of one timeline says nothing of the next.
 */
export function seenCommits(
  ended: EndedRecovery | undefined,
  now: { readonly life: ServerLife; readonly start: TimelineStart },
): SeenCommits {
  const worth = ended === undefined ? 'nothing' : judgeSeenEnd(ended, now);
  if (ended === undefined || worth === 'nothing') {
    return { baseline: undefined, passes: [] };
  }
  const { baseline, passes } = ended;
  return { baseline, passes: worth === 'all' ? passes : passes.map(lastingPass) };
}
