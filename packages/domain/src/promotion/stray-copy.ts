import { judgePlace, placeReasons } from '../following/copy-place.ts';
import { reason } from '../reasons/reason.ts';
import { type Lsn, maxLsn } from '../vocabulary/lsn.ts';
import type { Ownership } from '../vocabulary/node-status.ts';
import { isPlaceholder } from '../vocabulary/placeholder.ts';
import type { Reason } from '../vocabulary/reason.ts';
import type { SlotName } from '../vocabulary/slot-name.ts';
import { isInvalidated, isLogical, type LocalLogicalSlot, type LocalSlot } from '../vocabulary/slot-state.ts';
import { copyAmong, quarantineName } from './quarantine-name.ts';

type Slots = ReadonlyMap<SlotName, LocalSlot>;

/** A slot of slotcast's that somebody moved or made anew while its server was a standby. */
export interface StrayCopy {
  readonly reasons: readonly Reason[];
  /** The slot, where it is to be renamed. */
  readonly quarantine: LocalLogicalSlot | undefined;
}

/**
 * Finds out whether an owned slot of a promoted server stood beyond all that its subscriber was seen to have confirmed: the changes
 * between would never arrive. What counts is where it stood in recovery, because since then its subscriber may have come and moved it. Where
 * nobody looked then, or what was published is not on record, the subscriber may have confirmed that itself: such a slot is reported and
 * left as it is.
 */
export function findStray(
  name: SlotName,
  slots: { readonly local: Slots; readonly before: Slots | undefined },
  known: {
    readonly owned: Ownership;
    readonly furthest: Lsn | undefined;
    /** What the hand-off itself moves the slot to. */
    readonly marks: readonly Lsn[];
    readonly switchLsn: Lsn;
  },
): StrayCopy | undefined {
  const { owned, marks, switchLsn } = known;
  const furthest = marks.reduce<Lsn | undefined>((most, mark) => maxLsn(most ?? mark, mark), known.furthest);
  const standing = slots.local.get(name);
  const here = isPlaceholder(standing) ? undefined : standing;
  const copy = here === undefined ? copyAmong(name, slots.local) : undefined;
  const renamed = copy === undefined ? undefined : slots.local.get(copy);
  const found = here ?? renamed;
  const stood = slots.before === undefined ? found : slots.before.get(name);
  if (!isLogical(found) || isInvalidated(found) || stood === undefined) {
    return undefined;
  }
  const place = judgePlace(stood, { furthest, recorded: owned.highestLsn });
  if (place.kind === 'sound' || place.position > switchLsn) {
    return undefined;
  }
  // A slot that its subscriber is making anew has no confirmed position yet.
  const isUntouched =
    here !== undefined && (here.confirmedFlushLsn ?? here.restartLsn ?? switchLsn) <= switchLsn;
  const isKnown = slots.before !== undefined && place.kind === 'strayed';
  const isRenamed = renamed !== undefined || (isKnown && isUntouched);
  return {
    reasons: [
      ...placeReasons(place),
      isRenamed ? reason('strayed_kept', { copy: copy ?? quarantineName(name) }) : reason('strayed_left'),
    ],
    quarantine: isRenamed && isLogical(here) ? here : undefined,
  };
}
