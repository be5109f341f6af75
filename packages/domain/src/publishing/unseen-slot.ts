import { findOrphan } from '../topics/orphaned-slots.ts';
import { isCanary } from '../vocabulary/canary-slot.ts';
import type { OrphanedSlot } from '../vocabulary/slot-event.ts';
import { isOwnWorkingSlot, type SlotName } from '../vocabulary/slot-name.ts';
import { isInvalidated, type SlotState } from '../vocabulary/slot-state.ts';
import type { PublishedSlot, SlotChange } from './slot-diff.ts';

/**
 * What a published slot comes to that this server is not known to have; `undefined` for one that is compared as usual. A server that was promoted without a slot
 * knows nothing of it: other nodes may have a good copy, which a drop would take from them, and whose place another slot of that name does not take.
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
  const isOrphaned = findOrphan(known.orphans ?? [], incarnation) !== undefined;
  if ((unseen !== true && !isOrphaned) || !mayBeKept(previous)) {
    return undefined;
  }
  if (shown !== undefined && known.isKnown?.(shown, published) === true) {
    // Also where nothing has changed: it is on record then that it was seen here.
    return [{ kind: 'update', state: shown, incarnation }];
  }
  if (shown === undefined) {
    const cause = known.isQuarantined?.(previous.name) === true ? 'quarantined' : 'missing';
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
