import { isCanary } from '../vocabulary/canary-slot.ts';
import type { Lsn } from '../vocabulary/lsn.ts';
import type { Promotion } from '../vocabulary/promotion-record.ts';
import { plausiblyConfirmed, type SlotEvent } from '../vocabulary/slot-event.ts';
import { isOwnWorkingSlot, type SlotName } from '../vocabulary/slot-name.ts';
import { isLogical } from '../vocabulary/slot-state.ts';
import { leftWhenPromoted, type TimelineHistory } from '../vocabulary/timeline-history.ts';

/**
 * Slots whose subscribers have confirmed WAL that a promoted server does not have, and of which its hand-off did not know: it was published after the hand-off had read the topic, by a
 * publisher that nobody had fenced yet. `events`: the newest of each slot. `newestHistory`: of the newest manifest.
 */
export function findUnjudged(
  promotion: Promotion,
  history: TimelineHistory,
  events: Iterable<SlotEvent>,
  newestHistory?: TimelineHistory,
): readonly SlotName[] {
  return [...events].flatMap((event) => {
    const { slot, state, op } = event;
    const isFollowed =
      op !== 'drop' && state !== undefined && isLogical(state) && !isOwnWorkingSlot(slot) && !isCanary(state);
    return isFollowed && !isJudged(promotion, leftWhenPromoted(history, event.timeline, newestHistory), event)
      ? [slot]
      : [];
  });
}

function isJudged({ timeline, ahead, lost, fencedLsn }: Promotion, left: Lsn, event: SlotEvent): boolean {
  const confirmed = plausiblyConfirmed(event);
  if (event.timeline === timeline || confirmed === undefined || confirmed <= left) {
    return true;
  }
  if ((fencedLsn !== undefined && confirmed <= fencedLsn) || lost.some(({ slot }) => slot === event.slot)) {
    return true;
  }
  const known = ahead.find(({ slot }) => slot === event.slot);
  // One that is out of reach, or known to be in it, is judged for good. Any other may be found ahead of the fence by now.
  const isSettled = known?.outcome === 'quarantined' || known?.outcome === 'unsafe';
  return known !== undefined && (isSettled || known.confirmedFlushLsn >= confirmed);
}
