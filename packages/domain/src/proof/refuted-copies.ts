import type { NodeSlotStatus } from '../vocabulary/node-status.ts';
import type { Reason } from '../vocabulary/reason.ts';
import type { SlotName } from '../vocabulary/slot-name.ts';

/** Reasons that only decoding shows. */
const found: readonly string[] = ['proof_differs', 'proof_fails', 'missing_wal'];

/** Those among the reasons of a proof; what the plan sees by itself is left to it. */
export function refutingReasons(reasons: readonly Reason[]): readonly Reason[] {
  return reasons.filter(({ code }) => found.includes(code));
}

/** The copies that a process of the node had refuted before, by its records: they are the same copies still, as far as is known, and a process that has just begun has compared none. */
export function refutedBefore(
  written: ReadonlyMap<SlotName, NodeSlotStatus>,
): ReadonlyMap<SlotName, readonly Reason[]> {
  return new Map(
    [...written].flatMap(([slot, { role, reasons }]) => {
      const refuted = reasons.filter(({ code }) => code === 'refuted');
      return role === 'standby' && refuted.length > 0
        ? [[slot, [...refuted, ...refutingReasons(reasons)]]]
        : [];
    }),
  );
}
