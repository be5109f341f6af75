import type { SystemIdentifier, Timeline } from './identity.ts';
import type { Lsn } from './lsn.ts';
import type { OpenTransaction } from './open-transaction.ts';
import type { PhysicalSlotPin } from './physical-slot-pin.ts';
import type { Promotion } from './promotion-record.ts';
import type { Reason } from './reason.ts';
import type { Incarnation } from './slot-event.ts';
import type { SlotName } from './slot-name.ts';
import type { ProofRecord } from './slot-proof.ts';

export const nodeRoles = ['primary', 'standby'] as const;
export type NodeRole = (typeof nodeRoles)[number];

export const readinessStates = [
  'absent',
  'catching_up',
  'ready',
  'lagging',
  'unheard',
  'retrying',
  'blocked',
  'conflict',
  'native',
  'invalidated',
  'diverged',
] as const;
export type ReadinessState = (typeof readinessStates)[number];

/** True for a copy that could take over, though from behind, or perhaps so. */
export function isUsableFromBehind(state: ReadinessState): boolean {
  return state === 'lagging' || state === 'unheard' || state === 'retrying';
}

/** A slot that cannot be carried as its server shows it. */
export interface UnreadableSlot {
  /** As the server shows it; it need not be a name that PostgreSQL accepts. */
  readonly slot: string;
  readonly reason: Reason;
}

/** The last end-to-end measurement on a standby. */
export interface CanaryLag {
  /** From writing the canary's change on the primary to the canary slot's standing past it here; includes the difference of both clocks. */
  readonly lagMs: number;
  /** Milliseconds since 1970. */
  readonly time: number;
}

/** Slots of a standby whose restart_lsn falls behind the primary's faster than it is made up. */
export interface RestartBacklog {
  readonly slots: number;
  /** WAL between the restart_lsn of the slot that is furthest behind and that of the primary's. */
  readonly bytes: number;
  /** Milliseconds since 1970. */
  readonly since: number;
}

/** Record `<node>` of the nodes topic. */
export interface NodeStatus {
  readonly kind: 'node';
  readonly node: string;
  readonly role: NodeRole;
  /** Random id of the process that wrote it. */
  readonly instance: string;
  /** slotcast's version. */
  readonly version: string;
  readonly systemIdentifier: SystemIdentifier;
  readonly timeline: Timeline;
  readonly serverVersion: number;
  /** `pg_postmaster_start_time()` in milliseconds since 1970: it tells one server from another that has the same name. */
  readonly serverStartedAt?: number | undefined;
  /** Flushed WAL of a primary shortly before `preparedTransactions` was read. */
  readonly flushLsn?: Lsn | undefined;
  readonly replayLsn?: Lsn | undefined;
  readonly receiveLsn?: Lsn | undefined;
  /** Host and port that the standby streams from. */
  readonly upstream?: string | undefined;
  /** `primary_slot_name` in use on a standby. */
  readonly primarySlotName?: string | undefined;
  readonly hotStandbyFeedback?: boolean | undefined;
  readonly physicalSlots: readonly PhysicalSlotPin[];
  /** A slot is being created here: the publisher is asked for a running-xacts record. */
  readonly wantsStandbySnapshot: boolean;
  /** The transaction with the oldest id on a primary: what delays the making of a slot on a standby. */
  readonly oldestTransaction?: OpenTransaction | undefined;
  /**
   * Transactions that are prepared on a primary, the one with the oldest id first: all that were prepared before `flushLsn` and are still open,
   * unless they are `MOST_PREPARED_LISTED`.
   */
  readonly preparedTransactions?: readonly OpenTransaction[] | undefined;
  /** Slots of the server whose rows cannot be right, which are left alone. */
  readonly unreadableSlots?: readonly UnreadableSlot[] | undefined;
  /** Why a standby does nothing to its slots, and does not stand by what it wrote of them before. */
  readonly alarm?: Reason | undefined;
  /** Lineage of the slots topic that this node last applied. */
  readonly lineage?: string | undefined;
  /** The last promotion of the server, by which it became a primary. */
  readonly promotion?: Promotion | undefined;
  readonly canary?: CanaryLag | undefined;
  readonly restartBacklog?: RestartBacklog | undefined;
  /** Milliseconds since 1970. */
  readonly time: number;
}

/** Record `<node>/<slot>` of the nodes topic: ownership and readiness of one slot on one node. */
export interface NodeSlotStatus {
  readonly kind: 'node_slot';
  readonly node: string;
  readonly slot: SlotName;
  readonly role: NodeRole;
  /** Present when the slot on this node is slotcast's to move, replace and drop. */
  readonly ownership?: Ownership | undefined;
  readonly state: ReadinessState;
  /** What is waited for and what would fix it; none when ready. */
  readonly reasons: readonly Reason[];
  /** The copy here is kept, of a slot that the present primary never had. */
  readonly orphaned?: true | undefined;
  readonly restartLsn?: Lsn | undefined;
  readonly confirmedFlushLsn?: Lsn | undefined;
  /** Why the slot here is moved by decoding; absent when it is not. */
  readonly decoding?: Reason | undefined;
  /** That the copy delivers what the slot on the primary does, or what the two sides say to find that out. */
  readonly proof?: ProofRecord | undefined;
  /** Milliseconds since 1970. */
  readonly time: number;
}

/** A node, or one slot on a node, was taken out of the nodes topic. */
export interface NodeTombstone {
  readonly kind: 'node_tombstone';
  readonly node: string;
  readonly slot?: SlotName | undefined;
}

/** slotcast's claim to a slot on a node, committed to the nodes topic before the slot is made. */
export interface Ownership {
  readonly incarnation: Incarnation;
  readonly lineage: string;
  /**
   * False for a slot that is not safe to use yet: one with two_phase whose own consistent point the primary's subscriber has not passed, or an
   * adopted one for which catalog rows were not seen to be held back.
   */
  readonly proven: boolean;
  /** Highest confirmed_flush_lsn that was ever published for the incarnation, as far as this node knew. */
  readonly highestLsn?: Lsn | undefined;
  /** The slot is being made anew as a copy of its database's leading slot: whoever finds it missing makes it from that one. */
  readonly remaking?: boolean | undefined;
  /** The slot is a physical one: a hold on WAL, which is safe from the moment it is made. */
  readonly physical?: true | undefined;
}

/** The slots among them that subscribers read. Of a physical one there is nothing to prove, and nobody who could be led past changes in silence. */
export function ownedLogical(ownership: ReadonlyMap<SlotName, Ownership>): readonly SlotName[] {
  return [...ownership].flatMap(([slot, { physical }]) => (physical === true ? [] : [slot]));
}
