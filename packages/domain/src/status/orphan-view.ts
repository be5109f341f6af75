import type { ReasonCode } from '../reasons/reason-table.ts';
import type { ClusterFacts } from '../topics/cluster-facts.ts';
import { orphansOf } from '../topics/orphaned-slots.ts';
import type { Lsn } from '../vocabulary/lsn.ts';
import type { NodeSlotStatus } from '../vocabulary/node-status.ts';
import type { Reason } from '../vocabulary/reason.ts';
import { type OrphanCause, type OrphanedSlot, sameIncarnation } from '../vocabulary/slot-event.ts';
import type { SlotName } from '../vocabulary/slot-name.ts';
import type { NodeView } from './node-view.ts';

/** A copy of an orphaned slot, as its node last wrote of it. */
export interface KeptCopy {
  readonly node: string;
  /** The name that it has there. */
  readonly slot: SlotName;
  readonly restartLsn?: Lsn | undefined;
  readonly confirmedFlushLsn?: Lsn | undefined;
  /** WAL that its node keeps for it; absent when it has not said where the copy stands. */
  readonly walBytes?: bigint | undefined;
  readonly stale: boolean;
  /** Why it may not give its subscriber all that it lacks; none for a good one. */
  readonly doubts: readonly Reason[];
}

/** A slot that the primary does not have, though nobody is known to have dropped it. */
export interface OrphanView {
  readonly name: SlotName;
  readonly cause: OrphanCause;
  /** Milliseconds since 1970. */
  readonly since: number;
  /** Where it still is, as far as the topics tell. */
  readonly copies: readonly KeptCopy[];
}

const whyKept: ReadonlySet<string> = new Set<ReasonCode>(['orphaned', 'kept_aside']);

/** All orphaned slots by name, with the nodes that have a copy. The primary itself has none. */
export function orphanViews(facts: ClusterFacts, nodes: readonly NodeView[]): OrphanView[] {
  const manifest = facts.manifest.record;
  return orphansOf(manifest)
    .map((orphan) => ({
      name: orphan.name,
      cause: orphan.cause,
      since: orphan.since,
      copies: nodes
        .filter(({ name }) => name !== manifest.node)
        .flatMap((node) => copiesOn(facts, node, orphan)),
    }))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1) || a.since - b.since);
}

function copiesOn(facts: ClusterFacts, node: NodeView, orphan: OrphanedSlot): KeptCopy[] {
  const manifest = facts.manifest.record;
  return [...(facts.nodeSlots.get(node.name)?.values() ?? [])]
    .map(({ record }) => record)
    .filter(({ ownership }) => {
      const isOfOrphan =
        ownership !== undefined && sameIncarnation(ownership.incarnation, orphan.incarnation);
      return isOfOrphan && ownership.lineage === manifest.lineage;
    })
    .filter(isThere)
    .map(({ slot, restartLsn, confirmedFlushLsn, reasons }) => ({
      node: node.name,
      slot,
      restartLsn,
      confirmedFlushLsn,
      walBytes: restartLsn === undefined ? undefined : bytesTo(manifest.lsn, restartLsn),
      stale: node.stale,
      doubts: reasons.filter(({ code }) => !whyKept.has(code)),
    }));
}

/** A standby gives the position of what stands there; a former primary that has not come back has it as it was. */
function isThere({ role, confirmedFlushLsn }: NodeSlotStatus): boolean {
  return role === 'primary' || confirmedFlushLsn !== undefined;
}

function bytesTo(end: Lsn, start: Lsn): bigint {
  return end > start ? end - start : 0n;
}
