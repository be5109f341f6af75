import { couldTakeOver, mayReplayMore } from '../promotion/copy-risk.ts';
import { reason } from '../reasons/reason.ts';
import type { ClusterFacts, KnownSlot } from '../topics/cluster-facts.ts';
import type { Written } from '../topics/written.ts';
import type { Timeline } from '../vocabulary/identity.ts';
import type { Lsn } from '../vocabulary/lsn.ts';
import { isUsableFromBehind, type NodeSlotStatus, type ReadinessState } from '../vocabulary/node-status.ts';
import type { Reason } from '../vocabulary/reason.ts';
import { type Manifest, type ManifestSlot, sameIncarnation } from '../vocabulary/slot-event.ts';
import type { SlotName } from '../vocabulary/slot-name.ts';
import { isInvalidated, type SlotState } from '../vocabulary/slot-state.ts';
import { branchOf, type TimelineHistory } from '../vocabulary/timeline-history.ts';
import type { NodeView } from './node-view.ts';

/** How far a copy is behind what the subscriber of its slot has confirmed. */
export interface CopyLag {
  readonly bytes: bigint;
  /** Since when the subscriber is past the copy's position; 0 when it is not. */
  readonly ms: number;
}

/** The last time that a copy was seen to deliver what the slot on the primary does. */
export interface ProofView {
  readonly ageMs: number;
  readonly transactions: number;
  readonly changes: number;
}

/** One slot on one standby. */
export interface CopyView {
  readonly node: string;
  /** `undefined` while the node has said nothing of the slot. */
  readonly state: ReadinessState | undefined;
  /** Why it is not ready; none when it is. */
  readonly reasons: readonly Reason[];
  /** By the last record of a node that is fit, the slot could take over, though perhaps from behind. */
  readonly usable: boolean;
  /** It can take over now: not lagging, by a record that is not stale, on a standby that is fit. */
  readonly ready: boolean;
  readonly restartLsn?: Lsn | undefined;
  readonly confirmedFlushLsn?: Lsn | undefined;
  /** At most this far, as positions are written every ten seconds only. Absent when either position is unknown, or they are of different branches. */
  readonly lag?: CopyLag | undefined;
  /** Why the standby moves it by decoding; absent when it does not. */
  readonly decoding?: Reason | undefined;
  /** Absent where it was not proven, or is another copy since. */
  readonly proof?: ProofView | undefined;
}

/** One wanted slot, and its copies on the standbys. */
export interface SlotView {
  readonly name: SlotName;
  /** Absent when none of its events could be read. */
  readonly known?: KnownSlot | undefined;
  readonly copies: readonly CopyView[];
}

/** The slot as the newest event has it, and as each standby says that it has it. */
export function slotView(input: {
  readonly facts: ClusterFacts;
  readonly listed: ManifestSlot;
  readonly standbys: readonly NodeView[];
  readonly now: number;
}): SlotView {
  const { facts, listed, standbys, now } = input;
  const known = facts.slots.get(listed.name);
  const copies = standbys.map((node) => {
    const written = facts.nodeSlots.get(node.name)?.get(listed.name);
    const manifest = facts.manifest.record;
    return copyView({ manifest, listed, known, node, written, now });
  });
  return { name: listed.name, known, copies };
}

interface Copy {
  readonly manifest: Manifest;
  readonly listed: ManifestSlot;
  readonly known: KnownSlot | undefined;
  readonly node: NodeView;
  readonly written: Written<NodeSlotStatus> | undefined;
  readonly now: number;
}

function copyView(copy: Copy): CopyView {
  const { node, written } = copy;
  const record = standsBy(node, written?.record);
  const { state, reasons } = record === undefined ? sayNothing(node) : judgeRecord(copy, record);
  const usable = node.unfit === undefined && isUsable(node, state, record);
  return {
    node: node.name,
    state,
    reasons,
    usable,
    ready: usable && !(state !== undefined && isUsableFromBehind(state)) && !node.stale,
    restartLsn: record?.restartLsn,
    confirmedFlushLsn: record?.confirmedFlushLsn,
    lag: measureLag(copy, record?.confirmedFlushLsn),
    decoding: record?.decoding,
    proof: proofView(record, copy.now),
  };
}

function proofView(record: NodeSlotStatus | undefined, now: number): ProofView | undefined {
  const proof = record?.proof;
  if (proof?.kind !== 'proven') {
    return undefined;
  }
  const { time, transactions, changes } = proof;
  return { ageMs: Math.max(0, now - time), transactions, changes };
}

/** What a node wrote of its slots as a primary says nothing of what it has as a standby; nor does what its consumer no longer stands by. */
function standsBy(node: NodeView, record: NodeSlotStatus | undefined): NodeSlotStatus | undefined {
  return record?.role === 'standby' && node.status?.alarm === undefined ? record : undefined;
}

function sayNothing({ name: node, status }: NodeView): {
  readonly state: undefined;
  readonly reasons: readonly Reason[];
} {
  const alarm = status?.alarm;
  const reasons =
    alarm === undefined ? [reason('not_said', { node })] : [reason('not_stood_by', { node }), alarm];
  return { state: undefined, reasons };
}

/** A copy of another slot is no copy of this one, even if the node has not noticed yet. */
function judgeRecord(
  { manifest, listed, known }: Copy,
  record: NodeSlotStatus,
): { readonly state: ReadinessState; readonly reasons: readonly Reason[] } {
  const { state, reasons, ownership } = record;
  const published = known?.record.state;
  if (published !== undefined && isInvalidated(published) && state !== 'conflict') {
    return {
      state: 'invalidated',
      reasons: [reason('lost_on_primary', { cause: published.invalidationReason ?? 'wal_removed' })],
    };
  }
  const isOffered = state === 'ready' || state === 'blocked' || isUsableFromBehind(state);
  if (!isOffered || record.confirmedFlushLsn === undefined) {
    return { state, reasons };
  }
  if (ownership === undefined || !sameIncarnation(ownership.incarnation, listed.incarnation)) {
    return { state: 'catching_up', reasons: [reason('earlier_slot')] };
  }
  if (ownership.lineage !== manifest.lineage) {
    return { state: 'catching_up', reasons: [reason('earlier_topic')] };
  }
  return { state, reasons };
}

/** Only a copy that outlives a promotion has positions on record; with `blocked` that is one that lacks its pin, and nothing else. */
function isUsable(
  { status }: NodeView,
  state: ReadinessState | undefined,
  record: NodeSlotStatus | undefined,
): boolean {
  return (
    state !== undefined &&
    couldTakeOver({
      state,
      isSound: record?.confirmedFlushLsn !== undefined,
      unpinned: true,
      mayReplayMore: status === undefined || mayReplayMore(status),
    })
  );
}

function measureLag({ manifest, known, node, now }: Copy, here: Lsn | undefined): CopyLag | undefined {
  const there = known?.record.state?.confirmedFlushLsn;
  const timeline = node.status?.timeline;
  if (known === undefined || here === undefined || there === undefined || timeline === undefined) {
    return undefined;
  }
  const published = { timeline: known.record.timeline, lsn: there };
  if (!areComparable(manifest.history, published, { timeline, lsn: here })) {
    return undefined;
  }
  if (here >= there) {
    return { bytes: 0n, ms: 0 };
  }
  const since = known.track.passedAt(here) ?? known.writtenAt;
  return { bytes: there - here, ms: Math.max(0, now - since) };
}

/** A position of WAL that a server on this timeline has. */
export interface WalPoint {
  readonly timeline: Timeline;
  readonly lsn: Lsn;
}

/** LSNs of different branches are never compared: both points must lie on this history. */
export function areComparable(history: TimelineHistory, a: WalPoint, b: WalPoint): boolean {
  return branchOf(history, a) === 'on_history' && branchOf(history, b) === 'on_history';
}

/** What the subscriber of a slot has confirmed, but no more than the WAL that its server had: beyond that only a faulty client can be. */
export function confirmedWal(known: KnownSlot | undefined): WalPoint | undefined {
  const state: SlotState | undefined = known?.record.state;
  if (known === undefined || state?.confirmedFlushLsn === undefined) {
    return undefined;
  }
  const { lsn, timeline } = known.record;
  return { timeline, lsn: state.confirmedFlushLsn < lsn ? state.confirmedFlushLsn : lsn };
}
