import { copyBecomesTwoPhase } from '../following/two-phase-proof.ts';
import type { Ownership } from '../vocabulary/node-status.ts';
import { type SlotEvent, sameIncarnation } from '../vocabulary/slot-event.ts';
import type { SlotName } from '../vocabulary/slot-name.ts';
import {
  isInvalidated,
  isLogical,
  type LocalLogicalSlot,
  type LocalSlot,
  type LogicalSlotState,
  sameIdentity,
} from '../vocabulary/slot-state.ts';

type Slots = ReadonlyMap<SlotName, LocalSlot>;

/**
 * The ownership of copies with two_phase that were not known to be safe yet, and are kept at a promotion all the same. One that was made as a copy stands nowhere beyond what its subscriber was seen to have
 * confirmed, and skips nothing. What is not known is only whether a transaction is open that was prepared before: its subscriber gets that PREPARE twice, which is an error that it shows. A
 * slot that is gone would be worse. One that is a plain copy still gets two_phase where it stands, by the hand-off. Of plugins whose slots are made under their real name none is kept: they begin wherever the server could, which may be beyond their subscribers.
 */
export function soundTwoPhase(
  events: readonly (SlotEvent & { readonly state: LogicalSlotState })[],
  ownership: ReadonlyMap<SlotName, Ownership>,
  known: { readonly local: Slots; readonly before: Slots | undefined; readonly lineage: string | undefined },
): ReadonlyMap<SlotName, Ownership> {
  const { local, before, lineage } = known;
  return new Map(
    events.flatMap(({ slot, incarnation, state }): [SlotName, Ownership][] => {
      const owned = ownership.get(slot);
      const here = local.get(slot);
      if (owned === undefined || owned.proven || owned.lineage !== lineage) {
        return [];
      }
      const isMade =
        isLogical(here) &&
        copyBecomesTwoPhase(here.plugin) &&
        !here.synced &&
        !isInvalidated(here) &&
        sameIdentity({ ...here, twoPhase: true }, state) &&
        sameIncarnation(owned.incarnation, incarnation) &&
        standsWhereMade(owned, here, before);
      return isMade ? [[slot, { ...owned, proven: true }]] : [];
    }),
  );
}

/**
 * Not beyond what its subscriber was seen to have confirmed. Since the promotion that may have moved it; where nobody looked before, the hand-off tells of it as of any copy that stands further on. A plain copy that
 * stands further on may be another slot, which somebody made since: it is none to be changed.
 */
function standsWhereMade(
  { highestLsn }: Ownership,
  here: LocalLogicalSlot,
  before: Slots | undefined,
): boolean {
  const stood = before?.get(here.name) ?? here;
  const isSeen = before !== undefined || !here.twoPhase;
  return (
    highestLsn !== undefined &&
    here.confirmedFlushLsn !== undefined &&
    stood.confirmedFlushLsn !== undefined &&
    (!isSeen || stood.confirmedFlushLsn <= highestLsn)
  );
}
