import type { ClusterFacts } from '../topics/cluster-facts.ts';
import type { Lsn } from '../vocabulary/lsn.ts';
import type { ReadinessState } from '../vocabulary/node-status.ts';
import type { Reason } from '../vocabulary/reason.ts';
import type { FilterableSlot } from '../vocabulary/slot-filter.ts';
import { isOwnWorkingSlot, type SlotName } from '../vocabulary/slot-name.ts';
import type { NodeView } from './node-view.ts';

/** A copy of a physical slot, as its standby last wrote of it. */
export interface PhysicalCopyView {
  readonly node: string;
  readonly state: ReadinessState;
  /** Why it is not ready; none when it is. */
  readonly reasons: readonly Reason[];
  /** From here on it keeps WAL. */
  readonly restartLsn?: Lsn | undefined;
  readonly stale: boolean;
}

/** One wanted physical slot, and the standbys that keep it. It is no part of what a promotion is judged by. */
export interface PhysicalSlotView {
  readonly name: SlotName;
  /** From here on its reader may need WAL, by the newest event. */
  readonly restartLsn: Lsn;
  readonly copies: readonly PhysicalCopyView[];
}

/** Those that keep WAL on the primary, by name. A standby that keeps no copy of one, as of its own, has said nothing of it. */
export function physicalSlotViews(
  facts: ClusterFacts,
  standbys: readonly NodeView[],
  wanted: (slot: FilterableSlot) => boolean,
): PhysicalSlotView[] {
  return facts.manifest.record.slots
    .flatMap(({ name }): PhysicalSlotView[] => {
      const state = facts.slots.get(name)?.record.state;
      const isCarried = state?.type === 'physical' && !isOwnWorkingSlot(name) && wanted(state);
      return isCarried && state.restartLsn !== undefined
        ? [
            {
              name,
              restartLsn: state.restartLsn,
              copies: standbys.flatMap((node) => copyOn(facts, node, name)),
            },
          ]
        : [];
    })
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

function copyOn(facts: ClusterFacts, node: NodeView, name: SlotName): PhysicalCopyView[] {
  const record = facts.nodeSlots.get(node.name)?.get(name)?.record;
  if (record?.role !== 'standby' || node.status?.alarm !== undefined) {
    return [];
  }
  const { state, reasons, restartLsn } = record;
  return [{ node: node.name, state, reasons, restartLsn, stale: node.stale }];
}
