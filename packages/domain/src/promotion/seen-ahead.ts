import { isCanary } from '../vocabulary/canary-slot.ts';
import type { Lsn } from '../vocabulary/lsn.ts';
import type { Promotion, SlotAhead } from '../vocabulary/promotion-record.ts';
import { isSlotOf, type SlotRecords } from '../vocabulary/slot-continuity.ts';
import type { Incarnation } from '../vocabulary/slot-event.ts';
import { isOwnWorkingSlot, type SlotName } from '../vocabulary/slot-name.ts';
import { isLogical, type SlotState } from '../vocabulary/slot-state.ts';
import { isQuarantineCopy } from './quarantined-slots.ts';
import { type DivergencePolicy, MAX_FENCE_BYTES } from './wal-fence.ts';

/**
 * A subscriber that is ahead of the primary that it is connected to shows that itself: by the position that it reports to its walsender, and by its slot, which the server moves wherever a
 * client says. That is so long after a promotion, and where nobody knew before it. Each commit up to that position is one that it skips.
 */

/** WAL is written in steps of so many bytes (MAXALIGN): no commit begins in what is left of one. */
const STEP_BYTES = 8n;
const PAGE_BYTES = 8192n;
const SEGMENT_BYTES = 16n * 1024n * 1024n;

/** A position of a subscriber beyond the end of WAL, which was read later. */
export interface SeenPosition {
  readonly slot: SlotName;
  readonly position: Lsn;
  readonly insertLsn: Lsn;
}

/** False for what a client may say that rounds up: to the next byte, or to the end of a page or segment. */
export function isAheadOfWal({ position, insertLsn }: Omit<SeenPosition, 'slot'>): boolean {
  const beyond = position - insertLsn;
  const isRoundedTo = (bytes: bigint): boolean => position % bytes === 0n && beyond <= bytes;
  return beyond > STEP_BYTES && !isRoundedTo(PAGE_BYTES) && !isRoundedTo(SEGMENT_BYTES);
}

/** What is to be done about one. `tell`: it is told of, and nothing is touched. */
export type AheadStep = 'none' | 'tell' | 'act';

/** What that depends on. */
export interface AheadFacts extends SeenPosition {
  /** The slot as the server shows it; absent where it does not any more. */
  readonly shown: SlotState | undefined;
  readonly published: { readonly incarnation: Incarnation; readonly state: SlotState } | undefined;
  readonly records: SlotRecords;
}

/**
 * Only a slot of slotcast on a server that was promoted is touched: anywhere else a client is at fault, or the slot is somebody else's. One of which a further position is on
 * record already is told of as it was.
 */
export function judgeSeenAhead(facts: AheadFacts): AheadStep {
  const { shown, published, records } = facts;
  if (!isAheadOfWal(facts) || shown === undefined || isCanary(shown) || isOwnWorkingSlot(facts.slot)) {
    return 'none';
  }
  // The copy of a slot that was put out of reach stands where that stood, and nobody uses it.
  if (!shown.active && isQuarantineCopy(shown.name, records.promotion)) {
    return 'none';
  }
  const isOurs =
    records.promotion !== undefined &&
    published !== undefined &&
    isLogical(shown) &&
    !shown.synced &&
    isSlotOf(shown, published, records);
  return isOurs ? 'act' : 'tell';
}

/** True where a fence may make it safe, if no transaction has begun since recovery ended. */
export function mayFenceAhead(
  { position }: SeenPosition,
  { switchLsn }: Pick<Promotion, 'switchLsn'>,
  policy: DivergencePolicy,
): boolean {
  return policy === 'fence' && position - switchLsn <= MAX_FENCE_BYTES;
}

/** A promotion's record with what was found of one slot since; `fencedLsn` where the fence was raised for it. */
export function withAhead(promotion: Promotion, entry: SlotAhead, fencedLsn?: Lsn): Promotion {
  const others = promotion.ahead.filter(({ slot }) => slot !== entry.slot);
  return { ...promotion, fencedLsn: fencedLsn ?? promotion.fencedLsn, ahead: [...others, entry] };
}
