import { reason } from '../reasons/reason.ts';
import type { NodeSlotStatus, NodeStatus, Ownership } from '../vocabulary/node-status.ts';
import type { Promotion, SlotAhead } from '../vocabulary/promotion-record.ts';
import type { Reason } from '../vocabulary/reason.ts';
import type { SlotName } from '../vocabulary/slot-name.ts';
import type { SlotState } from '../vocabulary/slot-state.ts';
import { copyAmong } from './quarantine-name.ts';

/** What a node's record says besides its slots. */
export type NodeFacts = Pick<
  NodeStatus,
  | 'node'
  | 'instance'
  | 'version'
  | 'systemIdentifier'
  | 'timeline'
  | 'serverVersion'
  | 'serverStartedAt'
  | 'physicalSlots'
  | 'flushLsn'
  | 'oldestTransaction'
  | 'preparedTransactions'
  | 'unreadableSlots'
  | 'lineage'
>;

/** The same once a slot that the hand-off could not make is there: its subscriber lost nothing. */
export function withoutLost(promotion: Promotion, restored: SlotName): Promotion {
  return { ...promotion, lost: promotion.lost.filter(({ slot }) => slot !== restored) };
}

/** The record of a node whose server is the primary. */
export function primaryStatus(facts: NodeFacts, promotion: Promotion | undefined, time: number): NodeStatus {
  const { node, instance, version, systemIdentifier, timeline, serverVersion, physicalSlots, lineage } =
    facts;
  return {
    kind: 'node',
    node,
    role: 'primary',
    instance,
    version,
    systemIdentifier,
    timeline,
    serverVersion,
    serverStartedAt: facts.serverStartedAt,
    flushLsn: facts.flushLsn,
    physicalSlots,
    wantsStandbySnapshot: false,
    oldestTransaction: facts.oldestTransaction,
    preparedTransactions: facts.preparedTransactions,
    unreadableSlots: facts.unreadableSlots,
    lineage,
    promotion,
    time,
  };
}

/**
 * The records of the slots that a promotion made useless on a node, with what is to be done. `kept`: the ownership of those among them that may still
 * be made from a leading slot, and of others that count as safe from now on. `owned`: what was on record before; it stays so of a slot of which only its subscriber is in doubt:
 * without it the slot would be taken for another one of its name, and every copy elsewhere be given up for that. `here`: the slots of the node.
 */
export function promotionSlotStatuses(
  node: string,
  promotion: Promotion,
  {
    kept,
    owned,
    here,
    time,
  }: {
    readonly kept: ReadonlyMap<SlotName, Ownership>;
    readonly owned: ReadonlyMap<SlotName, Ownership>;
    readonly here: readonly Pick<SlotState, 'name'>[];
    readonly time: number;
  },
): NodeSlotStatus[] {
  const names = new Set(here.map(({ name }) => name));
  const about = { kind: 'node_slot', node, role: 'primary', time } as const;
  // What is only unknown of a slot that is not here counts less than that it is to be made again.
  const diverged = promotion.ahead
    .filter(
      ({ slot, outcome }) =>
        outcome !== 'fenced' && !(outcome === 'unknown' && kept.get(slot)?.remaking === true),
    )
    .map((entry): NodeSlotStatus => {
      const { slot, outcome } = entry;
      const ownership =
        outcome === 'unknown' && names.has(slot) ? (kept.get(slot) ?? owned.get(slot)) : undefined;
      const reasons = [divergedReason(entry, promotion, names)];
      return { ...about, slot, ownership, state: 'diverged', reasons };
    });
  const known = new Set(diverged.map(({ slot }) => slot));
  const lost = promotion.lost
    .filter(({ slot }) => !known.has(slot))
    .map(({ slot, reasons }): NodeSlotStatus => {
      const told = [reason('lost_on_promotion'), ...reasons];
      return { ...about, slot, ownership: kept.get(slot), state: 'absent', reasons: told };
    });
  const told = new Set([...diverged, ...lost].map(({ slot }) => slot));
  const safe = [...kept]
    .filter(
      ([slot, { proven, remaking }]) => proven && remaking !== true && names.has(slot) && !told.has(slot),
    )
    .map(([slot, ownership]): NodeSlotStatus => ({ ...about, slot, ownership, state: 'ready', reasons: [] }));
  return [...diverged, ...lost, ...safe];
}

function divergedReason(
  { slot, confirmedFlushLsn, outcome }: SlotAhead,
  { switchLsn, unheard }: Promotion,
  here: ReadonlySet<SlotName>,
): Reason {
  // Otherwise it was ahead of an earlier promotion already.
  const left = confirmedFlushLsn > switchLsn ? switchLsn : undefined;
  const range = { confirmed: confirmedFlushLsn, left };
  if (outcome === 'unknown') {
    return reason('diverged_unknown', { confirmed: confirmedFlushLsn, since: unheard?.since });
  }
  if (outcome !== 'quarantined') {
    return reason('diverged_unsafe', range);
  }
  const copy = copyAmong(slot, here);
  return copy === undefined
    ? reason('diverged_dropped', range)
    : reason('diverged_quarantined', { ...range, copy });
}
