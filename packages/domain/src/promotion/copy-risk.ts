import type { NodeStatus, ReadinessState } from '../vocabulary/node-status.ts';

/**
 * True when WAL may still be replayed here before a promotion is done: it is here, or it comes, or nobody knows. Without a position of its own the
 * receiver has not said how much is here.
 */
export function mayReplayMore(standby: Pick<NodeStatus, 'receiveLsn' | 'replayLsn' | 'upstream'>): boolean {
  const { receiveLsn, replayLsn, upstream } = standby;
  return (
    upstream !== undefined || receiveLsn === undefined || replayLsn === undefined || receiveLsn > replayLsn
  );
}

/**
 * The one judgement of a copy at a promotion: could it take over, from wherever it stands? `isSound`: it exists under its real name, is valid,
 * and has a position. Any state but `ready`, `native` and those of `isUsableFromBehind` says that something is wrong with it. One fault alone may not matter any more:
 * where nothing holds back catalog rows for the copy, WAL that removes them takes it when that is replayed. Has all been replayed, it has survived.
 */
export function couldTakeOver(copy: {
  readonly state: ReadinessState;
  readonly isSound: boolean;
  /** It is `blocked` for want of a pin, and for nothing else. */
  readonly unpinned: boolean;
  readonly mayReplayMore: boolean;
}): boolean {
  switch (copy.state) {
    case 'ready':
    case 'lagging':
    case 'unheard':
    case 'retrying':
    case 'native':
      return copy.isSound;
    case 'blocked':
      return copy.isSound && copy.unpinned && !copy.mayReplayMore;
    case 'absent':
    case 'catching_up':
    case 'conflict':
    case 'invalidated':
    case 'diverged':
      return false;
  }
}
