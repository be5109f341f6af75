import { findOrphan } from '../topics/orphaned-slots.ts';
import { isCanary } from '../vocabulary/canary-slot.ts';
import type { OrphanedSlot } from '../vocabulary/slot-event.ts';
import { isOwnWorkingSlot, type SlotName } from '../vocabulary/slot-name.ts';
import { isInvalidated, type SlotState } from '../vocabulary/slot-state.ts';
import type { PublishedSlot, SlotChange } from './slot-diff.ts';

/**
 * What a published slot comes to that this server is not known to have, or that was quarantined here; `undefined` for one that is compared as usual. A server that was promoted without a slot
 * knows nothing of it: other nodes may have a good copy, which a drop would take from them, and whose place another slot of that name does not take. The same of one that a later step of a promotion has
 * put out of reach while it was published: nobody has dropped it, and what its subscriber finds under the name afterwards is another slot.
 */
export function judgeUnseen(
  published: PublishedSlot,
  shown: SlotState | undefined,
  known: {
    readonly orphans?: readonly OrphanedSlot[] | undefined;
    readonly isKnown?: ((shown: SlotState, published: PublishedSlot) => boolean) | undefined;
    readonly isQuarantined?: ((slot: SlotName) => boolean) | undefined;
  },
): readonly SlotChange[] | undefined {
  const { state: previous, incarnation, unseen } = published;
  const orphan = findOrphan(known.orphans ?? [], incarnation);
  const isOrphaned = orphan !== undefined;
  const isQuarantined =
    orphan?.cause === 'quarantined' || (shown === undefined && known.isQuarantined?.(previous.name) === true);
  if ((unseen !== true && !isOrphaned && !isQuarantined) || !mayBeKept(previous)) {
    return undefined;
  }
  if (!isQuarantined && shown !== undefined && known.isKnown?.(shown, published) === true) {
    // Also where nothing has changed: it is on record then that it was seen here.
    return [{ kind: 'update', state: shown, incarnation }];
  }
  if (shown === undefined) {
    const cause = isQuarantined ? 'quarantined' : 'missing';
    return isOrphaned ? [] : [{ kind: 'orphan', previous, incarnation, cause }];
  }
  return [{ kind: 'supersede', previous, incarnation, state: shown }];
}

/** What a copy can be kept of: not what can never be served again, nor what slotcast makes for itself. */
function mayBeKept(state: SlotState): boolean {
  return (
    state.type === 'logical' && !isInvalidated(state) && !isCanary(state) && !isOwnWorkingSlot(state.name)
  );
}
