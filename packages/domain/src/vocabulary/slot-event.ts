import type { SystemIdentifier, Timeline } from './identity.ts';
import { formatLsn, type Lsn, minLsn } from './lsn.ts';
import type { SlotName } from './slot-name.ts';
import type { SlotState } from './slot-state.ts';
import type { TimelineHistory } from './timeline-history.ts';

export const slotOperations = ['create', 'update', 'drop'] as const;
export type SlotOperation = (typeof slotOperations)[number];

/** `(epoch, seq)` of a slot's create event. A slot that was dropped and remade is another incarnation. */
export interface Incarnation {
  readonly epoch: number;
  readonly seq: number;
}

/** What every record on the slots topic says about where and when it was made. */
export interface EventOrigin {
  /** The primary's WAL flush position, read in the same statement as the state. */
  readonly lsn: Lsn;
  readonly timeline: Timeline;
  /** Number of the publisher's tenure. */
  readonly epoch: number;
  /** Number of the record within the epoch, from 1, without gaps. */
  readonly seq: number;
  readonly node: string;
  /** Milliseconds since 1970, by the publisher's clock. */
  readonly time: number;
}

/** Compares by `(timeline, epoch, seq)`: negative when `a` comes first. */
export function compareOrder(a: EventOrigin, b: EventOrigin): number {
  return a.timeline - b.timeline || a.epoch - b.epoch || a.seq - b.seq;
}

export function describeOrigin(event: EventOrigin): string {
  return `event (timeline ${event.timeline}, epoch ${event.epoch}, seq ${event.seq}) at ${formatLsn(event.lsn)} of node ${event.node}`;
}

/** A change of a slot on the primary, always with the whole state. */
export interface SlotEvent extends EventOrigin {
  readonly kind: 'slot';
  readonly op: SlotOperation;
  readonly slot: SlotName;
  readonly incarnation: Incarnation;
  /** Absent only for a drop of which nothing but the tombstone was left by compaction. */
  readonly state?: SlotState | undefined;
  /**
   * Content of the file in which the primary keeps the state of decoding at `restart_lsn` (`pg_logical/snapshots`). Without it a slot that is put
   * elsewhere as a file loses what was committed by transactions that were open there. Empty where the primary has no such file, as for a slot
   * that has not moved since it was made. Absent where the publisher may not read it, or it is too large.
   */
  readonly snapshot?: Uint8Array | undefined;
}

/** The publisher's statement of all live slots: written on claim, on each change of the set, and as heartbeat. */
export interface Manifest extends EventOrigin {
  readonly kind: 'manifest';
  readonly systemIdentifier: SystemIdentifier;
  readonly history: TimelineHistory;
  /** The node that published this timeline first; a timeline is born on one server only. */
  readonly timelineNode: string;
  /** Random id of the publisher process. */
  readonly instance: string;
  /** Random id drawn with the first manifest of a topic and copied ever since; another one means a recreated topic. */
  readonly lineage: string;
  /** When the server was started, in milliseconds since 1970; absent in manifests of versions that did not tell. */
  readonly serverStartedAt?: number | undefined;
  /** Where the recovery ended that the server began with then, or after a crash of its sessions; absent when there was none. */
  readonly recoveredLsn?: Lsn | undefined;
  readonly slots: readonly ManifestSlot[];
  /** Slots that the primary does not have, though nobody is known to have dropped them: copies of them are kept. Absent: none. */
  readonly orphans?: readonly OrphanedSlot[] | undefined;
}

export interface ManifestSlot {
  readonly name: SlotName;
  readonly incarnation: Incarnation;
}

export const orphanCauses = ['missing', 'other_slot', 'quarantined'] as const;
/**
 * What the primary had under the name when it took over. `missing`: no slot. `other_slot`: one that is not a copy of it. `quarantined`: none any more, because
 * the hand-off has renamed it.
 */
export type OrphanCause = (typeof orphanCauses)[number];

/** One incarnation of a slot that no tenure has seen since a promotion, and no tenure saw dropped. */
export interface OrphanedSlot {
  readonly name: SlotName;
  readonly incarnation: Incarnation;
  readonly cause: OrphanCause;
  /** Since when, in milliseconds since 1970 by the publisher's clock. */
  readonly since: number;
}

/**
 * How far a client may confirm beyond the end of WAL before its slot is left alone: some confirm the byte after the last one that they
 * received, or the end of its page or segment. Such a position is carried as it is, and counts for nothing in a promotion.
 */
export const ROUNDING_BYTES = 16n * 1024n * 1024n;

/** Key of the manifest on the slots topic; `@` can be in no slot name. */
export const MANIFEST_KEY = '@manifest';

export function sameIncarnation(a: Incarnation, b: Incarnation): boolean {
  return a.epoch === b.epoch && a.seq === b.seq;
}

/**
 * What the subscriber of a slot had confirmed, by the newest event. Absent where the event says nothing, and where it says more than
 * the server that published it had: a known fault of clients, by which nothing may be judged.
 */
export function plausiblyConfirmed(event: SlotEvent): Lsn | undefined {
  const confirmed = event.op === 'drop' ? undefined : event.state?.confirmedFlushLsn;
  return confirmed !== undefined && confirmed <= event.lsn ? confirmed : undefined;
}

/**
 * From where on the reader of a physical slot may still need WAL, by the newest event: no further on than the WAL that there was. Absent for a logical slot, and for one that keeps
 * none.
 */
export function physicallyNeeded({ op, state, lsn }: SlotEvent): Lsn | undefined {
  const isThere = op !== 'drop' && state?.type === 'physical';
  return isThere && state.restartLsn !== undefined ? minLsn(state.restartLsn, lsn) : undefined;
}

/**
 * How far a copy may follow the slot: a client that rounds its position up has confirmed all the WAL that there was, and is served by the primary
 * from beyond it. On a quiet server each of its events says more than there was, and the copy would else stay behind for ever. Absent as above, and
 * where the position is far beyond all WAL.
 */
export function confirmedWithin(event: SlotEvent): Lsn | undefined {
  const confirmed = event.op === 'drop' ? undefined : event.state?.confirmedFlushLsn;
  return confirmed !== undefined && confirmed - event.lsn <= ROUNDING_BYTES
    ? minLsn(confirmed, event.lsn)
    : undefined;
}
