import { formatLsn } from '../vocabulary/lsn.ts';
import type { NodeSlotStatus, NodeStatus } from '../vocabulary/node-status.ts';
import type { Promotion, SlotAhead } from '../vocabulary/promotion-record.ts';
import { quarantineName } from './quarantine-name.ts';

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

/** The records of the slots that a promotion made useless on a node, with what is to be done. */
export function promotionSlotStatuses(node: string, promotion: Promotion, time: number): NodeSlotStatus[] {
  const about = { kind: 'node_slot', node, role: 'primary', time } as const;
  const diverged = promotion.ahead
    .filter(({ outcome }) => outcome !== 'fenced')
    .map((entry): NodeSlotStatus => {
      const reason = divergedReason(entry, promotion);
      return { ...about, slot: entry.slot, state: 'diverged', reason };
    });
  const known = new Set(diverged.map(({ slot }) => slot));
  const lost = promotion.lost
    .filter(({ slot }) => !known.has(slot))
    .map(({ slot, reason }): NodeSlotStatus => {
      return {
        ...about,
        slot,
        state: 'absent',
        reason: `lost on the promotion, when it was not ready: ${reason}`,
      };
    });
  return [...diverged, ...lost];
}

function divergedReason({ slot, confirmedFlushLsn, outcome }: SlotAhead, { switchLsn }: Promotion): string {
  const left =
    confirmedFlushLsn > switchLsn
      ? `at ${formatLsn(switchLsn)}`
      : 'at an earlier promotion, of which no fence is on record';
  const range = `its consumer had confirmed ${formatLsn(confirmedFlushLsn)}, and this server left that WAL ${left}`;
  return outcome === 'quarantined'
    ? `${range}: the slot is kept as ${quarantineName(slot)}. Let the consumer start over with a new slot, then drop that one`
    : `${range}: changes up to there would be skipped for it without an error. Stop it and let it start over with a new slot`;
}
