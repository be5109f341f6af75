import { copyBecomesTwoPhase } from '../following/two-phase-proof.ts';
import { databaseOf, type SlotDatabase } from '../vocabulary/slot-database.ts';
import type { SlotName } from '../vocabulary/slot-name.ts';
import type { LocalLogicalSlot, LogicalSlotState } from '../vocabulary/slot-state.ts';

/** A slot whose property is to be set. */
export interface PropertyStep {
  readonly slot: SlotName;
  readonly database: SlotDatabase;
}

/** A slot of a promoted server beside what was published of it; `owned`: it is slotcast's copy of that. */
interface Copied {
  readonly here: LocalLogicalSlot | undefined;
  readonly owned: boolean;
  readonly state: LogicalSlotState;
}

/** Owned slots that lost their `failover`; first those that nobody uses, because setting it waits for whoever uses the slot. */
export function withoutFailover(copies: readonly Copied[]): readonly PropertyStep[] {
  return lacking(copies, ({ here, state }) => state.failover && !here.failover);
}

/** Owned slots of a plugin that gives `two_phase` back, which lost it: the promotion came between their making and that. */
export function withoutTwoPhase(copies: readonly Copied[]): readonly PropertyStep[] {
  return lacking(
    copies,
    ({ here, state }) => state.twoPhase && !here.twoPhase && copyBecomesTwoPhase(here.plugin),
  );
}

function lacking(
  copies: readonly Copied[],
  lacks: (copy: Copied & { readonly here: LocalLogicalSlot }) => boolean,
): readonly PropertyStep[] {
  return copies
    .flatMap(({ here, owned, state }) =>
      here !== undefined && owned && lacks({ here, owned, state }) ? [here] : [],
    )
    .toSorted((a, b) => Number(a.active) - Number(b.active))
    .map((here) => ({ slot: here.name, database: databaseOf(here) }));
}
