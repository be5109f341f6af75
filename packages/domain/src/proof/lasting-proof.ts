import { isUsableFromBehind, type NodeSlotStatus } from '../vocabulary/node-status.ts';
import { sameIncarnation } from '../vocabulary/slot-event.ts';
import type { SlotProof } from '../vocabulary/slot-proof.ts';

/**
 * The proof that stays in the record of a copy: while that can take over, and is the one that was proven. One that is being made anew is another copy, even if
 * it never stops to be ready.
 */
export function lastingProof(
  written: NodeSlotStatus | undefined,
  now: Pick<NodeSlotStatus, 'ownership' | 'state'>,
): SlotProof | undefined {
  const proof = written?.proof;
  const before = written?.ownership;
  const isSame =
    before !== undefined &&
    now.ownership !== undefined &&
    now.ownership.remaking !== true &&
    before.lineage === now.ownership.lineage &&
    sameIncarnation(before.incarnation, now.ownership.incarnation);
  const isUsable = now.state === 'ready' || isUsableFromBehind(now.state);
  return proof?.kind === 'proven' && isSame && isUsable ? proof : undefined;
}
