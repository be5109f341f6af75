import { isCanary } from '../vocabulary/canary-slot.ts';
import type { Promotion } from '../vocabulary/promotion-record.ts';
import { plausiblyConfirmed, type SlotEvent } from '../vocabulary/slot-event.ts';
import { isOwnWorkingSlot, type SlotName } from '../vocabulary/slot-name.ts';
import { isLogical } from '../vocabulary/slot-state.ts';
import { leftAt, type TimelineHistory } from '../vocabulary/timeline-history.ts';

/**
 * Slots whose subscribers have confirmed WAL that a promoted server does not have, and of which its hand-off did not know: it was published after the hand-off had read the topic, by a
 * publisher that nobody had fenced yet. `events`: the newest of each slot.
 */
export function findUnjudged(
  promotion: Promotion,
  history: TimelineHistory,
  events: Iterable<SlotEvent>,
): readonly SlotName[] {
  return [...events].flatMap((event) => {
    const { slot, state, op } = event;
    const isFollowed =
      op !== 'drop' && state !== undefined && isLogical(state) && !isOwnWorkingSlot(slot) && !isCanary(state);
    return isFollowed && !isJudged(promotion, history, event) ? [slot] : [];
  });
}

function isJudged(
  { ahead, lost, fencedLsn }: Promotion,
  history: TimelineHistory,
  event: SlotEvent,
): boolean {
  const confirmed = plausiblyConfirmed(event);
  const isHere = event.timeline === history.timeline;
  if (isHere || confirmed === undefined || confirmed <= leftAt(history, event.timeline)) {
    return true;
  }
  if ((fencedLsn !== undefined && confirmed <= fencedLsn) || lost.some(({ slot }) => slot === event.slot)) {
    return true;
  }
  const known = ahead.find(({ slot }) => slot === event.slot);
  return known !== undefined && (known.outcome !== 'fenced' || known.confirmedFlushLsn >= confirmed);
}
