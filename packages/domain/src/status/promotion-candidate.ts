import type { ClusterFacts } from '../topics/cluster-facts.ts';
import type { Timeline } from '../vocabulary/identity.ts';
import type { Lsn } from '../vocabulary/lsn.ts';
import type { ReadinessState } from '../vocabulary/node-status.ts';
import type { Reason } from '../vocabulary/reason.ts';
import type { SlotName } from '../vocabulary/slot-name.ts';
import { endOfWal, type NodeView } from './node-view.ts';
import { areComparable, type CopyView, confirmedWal, type SlotView } from './slot-view.ts';

/** A slot that would not be there, or not be usable, after this standby's promotion. */
export interface CandidateLoss {
  readonly slot: SlotName;
  readonly state: ReadinessState | undefined;
  readonly reasons: readonly Reason[];
}

/** A slot whose subscriber has confirmed WAL that this standby has not received. */
export interface CandidateAhead {
  readonly slot: SlotName;
  readonly confirmedFlushLsn: Lsn;
  readonly bytes: bigint;
  /** False when the standby's record is older than the slot's last move: it may have received that WAL since. */
  readonly certain: boolean;
}

/** A standby that could be promoted, and what that would cost. */
export interface Candidate {
  readonly node: string;
  readonly stale: boolean;
  readonly timeline: Timeline | undefined;
  /** How far its WAL reaches. */
  readonly walLsn: Lsn | undefined;
  readonly lost: readonly CandidateLoss[];
  readonly ahead: readonly CandidateAhead[];
  /** The most that any subscriber is ahead; absent when it cannot be told. */
  readonly aheadBytes: bigint | undefined;
}

/** The standbys that could be promoted, best first. One of another cluster or branch is none. */
export function rankCandidates(
  facts: ClusterFacts,
  standbys: readonly NodeView[],
  slots: readonly SlotView[],
): Candidate[] {
  return standbys
    .filter((node) => node.unfit === undefined)
    .map((node) => candidateOf(facts, node, slots))
    .toSorted(compareCandidates);
}

function candidateOf(facts: ClusterFacts, node: NodeView, slots: readonly SlotView[]): Candidate {
  const { status } = node;
  const walLsn = status === undefined ? undefined : endOfWal(status);
  const timeline = status?.timeline;
  const end = walLsn === undefined || timeline === undefined ? undefined : { timeline, lsn: walLsn };
  const recordedAt = facts.nodes.get(node.name)?.writtenAt ?? 0;
  const ahead: CandidateAhead[] = [];
  let isKnown = true;
  for (const { name, known } of slots) {
    const confirmed = confirmedWal(known);
    if (known === undefined || confirmed === undefined) {
      continue;
    }
    if (end === undefined || !areComparable(facts.manifest.record.history, confirmed, end)) {
      isKnown = false;
    } else if (confirmed.lsn > end.lsn) {
      const bytes = confirmed.lsn - end.lsn;
      ahead.push({
        slot: name,
        confirmedFlushLsn: confirmed.lsn,
        bytes,
        certain: known.writtenAt <= recordedAt,
      });
    }
  }
  return {
    node: node.name,
    stale: node.stale,
    timeline,
    walLsn,
    lost: slots.flatMap((slot) => lossOf(slot, node)),
    ahead,
    aheadBytes: isKnown ? ahead.reduce((most, { bytes }) => (bytes > most ? bytes : most), 0n) : undefined,
  };
}

function lossOf(slot: SlotView, node: NodeView): CandidateLoss[] {
  const copy: CopyView | undefined = slot.copies.find((each) => each.node === node.name);
  return copy === undefined || copy.usable
    ? []
    : [{ slot: slot.name, state: copy.state, reasons: copy.reasons }];
}

/**
 * Negative when `a` is the better one: heard of lately, then fewest slots lost, then fewest bytes ahead (unknown is worst), then most WAL,
 * of which only positions of one timeline are compared, then by name.
 */
export function compareCandidates(a: Candidate, b: Candidate): number {
  return (
    Number(a.stale) - Number(b.stale) ||
    a.lost.length - b.lost.length ||
    compareAhead(a.aheadBytes, b.aheadBytes) ||
    (b.timeline ?? 0) - (a.timeline ?? 0) ||
    compareBigints(b.walLsn ?? 0n, a.walLsn ?? 0n) ||
    (a.node < b.node ? -1 : 1)
  );
}

function compareAhead(a: bigint | undefined, b: bigint | undefined): number {
  if (a === undefined || b === undefined) {
    return Number(a === undefined) - Number(b === undefined);
  }
  return compareBigints(a, b);
}

function compareBigints(a: bigint, b: bigint): number {
  return Number(a > b) - Number(a < b);
}
