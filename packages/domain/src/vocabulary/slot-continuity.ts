import type { Ownership } from './node-status.ts';
import type { Promotion } from './promotion-record.ts';
import { type Incarnation, sameIncarnation } from './slot-event.ts';
import type { SlotName } from './slot-name.ts';
import { isLogical, type SlotState, sameIdentity } from './slot-state.ts';

/** What a node has on record of the slots of its server, from which it is told whether a slot is the one that was published. */
export interface SlotRecords {
  readonly ownership: ReadonlyMap<SlotName, Ownership>;
  /** Of the topic that is followed. */
  readonly lineage: string | undefined;
  /** What became of the slots when the server was promoted; absent when no promotion is on record. */
  readonly promotion: Promotion | undefined;
}

/**
 * True when a slot that a server shows is the one of this incarnation, and not only one of the same name: slotcast made it or followed it as such, and the
 * hand-off did not find it lost, nor rename it; or PostgreSQL's own slot synchronisation kept it.
 */
export function isSlotOf(
  shown: SlotState | undefined,
  published: { readonly incarnation: Incarnation; readonly state: SlotState },
  { ownership, lineage, promotion }: SlotRecords,
): boolean {
  if (!isLogical(shown) || !sameIdentity(shown, published.state)) {
    return false;
  }
  const { name } = shown;
  const isGone =
    promotion?.lost.some(({ slot }) => slot === name) === true || wasQuarantined(promotion, name);
  if (isGone) {
    return false;
  }
  return shown.synced || isOwnedAs(ownership.get(name), published.incarnation, lineage);
}

/** True for slotcast's own copy of this incarnation, which is safe to use. */
export function isOwnedAs(
  owned: Ownership | undefined,
  incarnation: Incarnation,
  lineage: string | undefined,
): boolean {
  return (
    owned?.proven === true && owned.lineage === lineage && sameIncarnation(owned.incarnation, incarnation)
  );
}

/** True when the hand-off has taken the slot out of its subscriber's reach. */
export function wasQuarantined(promotion: Promotion | undefined, name: SlotName): boolean {
  return promotion?.ahead.some(({ slot, outcome }) => slot === name && outcome === 'quarantined') === true;
}
