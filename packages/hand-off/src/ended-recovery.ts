import {
  type FencePass,
  judgeSeenEnd,
  type Lsn,
  lastingPass,
  type RaisedFence,
  type ReceiverWatch,
  type SeenEnd,
  type SeenEndWorth,
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
  /** By which WAL was received last; absent when nobody looked at it to the end. */
  readonly receiver?: ReceiverWatch | undefined;
  /** Where the shutdown checkpoint begins that was replayed last, when that is read. Never rejects. */
  readonly shutdownLsn?: Promise<Lsn | undefined> | undefined;
  /** The server's line of descent since then, as far as this process could follow it. */
  readonly history?: TimelineHistory | undefined;
}

/** What a promoted server's commits are known by. */
export interface SeenCommits {
  readonly baseline: RecoveryBaseline | undefined;
  readonly passes: readonly FencePass[];
  /** When its recovery ended, by the monotonic clock; absent when nobody saw that. */
  readonly endedAtMs: number | undefined;
  readonly ending?: Pick<EndedRecovery, 'receiver' | 'shutdownLsn'> | undefined;
}

/** A primary, and how its timeline began by its history; a server that was never promoted has no such beginning. */
export interface PresentServer {
  readonly life: ServerLife;
  readonly start: TimelineStart | undefined;
}

/**
 * What an end of recovery that was seen tells of the timeline that the server writes now. A process that was frozen, or could not connect, may have missed another recovery,
 * and the fence of one timeline says nothing of the next.
 */
export function seenCommits(ended: EndedRecovery | undefined, now: PresentServer): SeenCommits {
  const worth = worthOf(ended, now);
  if (ended === undefined || worth === 'nothing') {
    return { baseline: undefined, passes: [], endedAtMs: undefined };
  }
  const { baseline, passes, recoveringAtMs: endedAtMs } = ended;
  return { baseline, passes: worth === 'all' ? passes : passes.map(lastingPass), endedAtMs, ending: ended };
}

/** True when it is the promotion that began the timeline which the server writes now. */
export function isSeen(ended: EndedRecovery | undefined, now: PresentServer): boolean {
  return worthOf(ended, now) !== 'nothing';
}

function worthOf(ended: EndedRecovery | undefined, { life, start }: PresentServer): SeenEndWorth {
  return ended === undefined || start === undefined ? 'nothing' : judgeSeenEnd(ended, { life, start });
}
