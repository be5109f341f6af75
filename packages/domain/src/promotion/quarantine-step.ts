import type { Promotion } from '../vocabulary/promotion-record.ts';
import { databaseOf, type SlotDatabase } from '../vocabulary/slot-database.ts';
import type { SlotName } from '../vocabulary/slot-name.ts';
import type { LocalSlot, LogicalSlotState } from '../vocabulary/slot-state.ts';
import { copyNames, quarantineName } from './quarantine-name.ts';
import { quarantinedSlots } from './quarantined-slots.ts';

/** Where a slot stands that is to be dropped: one that was moved or made anew meanwhile is somebody else's. */
export type SeenPlace = Pick<LocalSlot, 'restartLsn' | 'confirmedFlushLsn'>;

/** A slot to be put out of reach: copied to `copy`, then dropped, with a placeholder under its name at the same moment. */
export interface Quarantine {
  readonly slot: SlotName;
  readonly copy: SlotName;
  readonly database: SlotDatabase;
  readonly plugin: string;
  /** Why it must not be used under its own name. */
  readonly reason: string;
  readonly seen: SeenPlace;
  /** No slot with a name for the copy was known before the promotion: one that fits is of an attempt that broke off. */
  readonly isCopyOurs?: boolean | undefined;
}

export function quarantineOf(slot: LogicalSlotState, reason: string): Quarantine {
  const { name, plugin } = slot;
  return { slot: name, copy: quarantineName(name), database: databaseOf(slot), plugin, reason, seen: slot };
}

/** What a hand-off knows of slots before its promotion, and of what was done for that. */
interface KnownBefore {
  readonly published: { readonly has: (slot: SlotName) => boolean };
  readonly elsewhere: { readonly has: (slot: SlotName) => boolean };
  readonly ownership: { readonly has: (slot: SlotName) => boolean };
  readonly before: readonly LocalSlot[] | undefined;
  readonly earlier?: Promotion | undefined;
}

/** The same for a hand-off, which knows what there was before: a copy that is a person's, or of an earlier quarantine, was published then. */
export function quarantineAtPromotion(
  slot: LogicalSlotState,
  reason: string,
  known: KnownBefore,
): Quarantine {
  const { published, elsewhere, ownership, before, earlier } = known;
  const wasKnown = (name: SlotName): boolean =>
    [published, elsewhere, ownership].some((slots) => slots.has(name)) ||
    before?.some((each) => each.name === name) === true;
  const isCopyOurs = !quarantinedSlots(earlier).has(slot.name) && !copyNames(slot.name).some(wasKnown);
  return { ...quarantineOf(slot, reason), isCopyOurs };
}
