import {
  type Candidate,
  type ClusterView,
  type CopyView,
  formatLsn,
  isLogical,
  isSatisfied,
  type NodeView,
  type OrphanView,
  type PhysicalSlotView,
  type Reason,
  type Requirement,
  reasonText,
  type SlotView,
  unmetSlots,
} from '@slotcast/domain';
import { isoTime, listOf, lsnText, reasonsJson, textOrNull } from './json-values.ts';

/** What is looked at, and how it was asked for. */
export interface StatusReport {
  readonly cluster: string;
  readonly view: ClusterView;
  readonly requirement: Requirement;
  /** Records of the topics that could not be read. */
  readonly malformed: number;
}

/** The report as `slotcast status --output json` prints it; `docs/reference/status.md` explains each field. */
export function statusJson({ cluster, view, requirement, malformed }: StatusReport): object {
  const unmet = new Set(unmetSlots(view, requirement).map(({ name }) => name));
  const { publisher } = view;
  const splitBrain = listOf(view.splitBrain);
  const filter = listOf(view.filterDoubt);
  return {
    cluster,
    time: isoTime(view.time),
    require: String(requirement),
    satisfied: isSatisfied(view, requirement),
    split_brain: textOrNull(splitBrain),
    split_brain_reasons: reasonsJson(splitBrain),
    filter: textOrNull(filter),
    filter_reasons: reasonsJson(filter),
    publisher: {
      node: publisher.node,
      epoch: publisher.epoch,
      timeline: publisher.timeline,
      lsn: formatLsn(publisher.lsn),
      heartbeat_age_ms: publisher.heartbeatAgeMs,
      silent: publisher.silent,
      late: publisher.late,
    },
    nodes: view.nodes.map((node) => nodeObject(node, view.time)),
    slots: view.slots.map((slot) => slotObject(slot, !unmet.has(slot.name))),
    candidates: view.candidates.map(candidateObject),
    orphans: view.orphans.map(orphanObject),
    physical_slots: view.physicalSlots.map(physicalObject),
    malformed_records: malformed,
  };
}

function nodeObject({ name, role, ageMs, stale, unfit = [], status }: NodeView, now: number): object {
  const isStandby = role === 'standby';
  return {
    node: name,
    role,
    age_ms: ageMs,
    stale,
    unfit: textOrNull(unfit),
    unfit_reasons: reasonsJson(unfit),
    slotcast_version: status?.version ?? null,
    server_version: status?.serverVersion ?? null,
    timeline: isStandby ? (status?.timeline ?? null) : null,
    receive_lsn: lsnText(isStandby ? status?.receiveLsn : undefined),
    replay_lsn: lsnText(isStandby ? status?.replayLsn : undefined),
    upstream: (isStandby ? status?.upstream : undefined) ?? null,
    canary:
      status?.canary === undefined
        ? null
        : { lag_ms: status.canary.lagMs, age_ms: Math.max(0, now - status.canary.time) },
    restart_backlog:
      status?.restartBacklog === undefined
        ? null
        : {
            slots: status.restartBacklog.slots,
            bytes: status.restartBacklog.bytes,
            age_ms: Math.max(0, now - status.restartBacklog.since),
          },
    unreadable_slots: (status?.unreadableSlots ?? []).map(({ slot, reason }) => ({
      slot,
      ...reasonsObject([reason]),
    })),
    promotion: promotionObject(status?.promotion),
  };
}

function promotionObject(promotion: NonNullable<NodeView['status']>['promotion']): object | null {
  return promotion === undefined
    ? null
    : {
        timeline: promotion.timeline,
        switch_lsn: formatLsn(promotion.switchLsn),
        fenced_lsn: lsnText(promotion.fencedLsn),
        unheard:
          promotion.unheard === undefined
            ? null
            : { since: isoTime(promotion.unheard.since), lsn: formatLsn(promotion.unheard.lsn) },
        ahead: promotion.ahead.map(({ slot, confirmedFlushLsn, outcome, prepared }) => ({
          slot,
          confirmed_flush_lsn: formatLsn(confirmedFlushLsn),
          outcome,
          prepared: prepared ?? null,
        })),
        lost: promotion.lost.map(({ slot, reasons }) => ({ slot, ...reasonsObject(reasons) })),
        time: isoTime(promotion.time),
      };
}

function slotObject({ name, known, copies }: SlotView, satisfied: boolean): object {
  const state = known?.record.state;
  const logical = isLogical(state) ? state : undefined;
  return {
    slot: name,
    plugin: logical?.plugin ?? null,
    database: logical?.database ?? null,
    restart_lsn: lsnText(state?.restartLsn),
    confirmed_flush_lsn: lsnText(state?.confirmedFlushLsn),
    satisfied,
    copies: copies.map(copyObject),
  };
}

function copyObject(copy: CopyView): object {
  const decoding = listOf(copy.decoding);
  return {
    node: copy.node,
    state: copy.state ?? null,
    ...reasonsObject(copy.reasons),
    ready: copy.ready,
    usable: copy.usable,
    restart_lsn: lsnText(copy.restartLsn),
    confirmed_flush_lsn: lsnText(copy.confirmedFlushLsn),
    lag_bytes: copy.lag === undefined ? null : Number(copy.lag.bytes),
    lag_ms: copy.lag?.ms ?? null,
    decoding_reason: textOrNull(decoding),
    decoding_reasons: reasonsJson(decoding),
    proof:
      copy.proof === undefined
        ? null
        : {
            age_ms: copy.proof.ageMs,
            transactions: copy.proof.transactions,
            changes: copy.proof.changes,
          },
  };
}

function candidateObject(candidate: Candidate): object {
  return {
    node: candidate.node,
    stale: candidate.stale,
    timeline: candidate.timeline ?? null,
    wal_lsn: lsnText(candidate.walLsn),
    lost: candidate.lost.map(({ slot, state, reasons }) => ({
      slot,
      state: state ?? null,
      ...reasonsObject(reasons),
    })),
    ahead: candidate.ahead.map(({ slot, confirmedFlushLsn, bytes, certain }) => ({
      slot,
      confirmed_flush_lsn: formatLsn(confirmedFlushLsn),
      bytes: Number(bytes),
      certain,
    })),
    ahead_bytes: candidate.aheadBytes === undefined ? null : Number(candidate.aheadBytes),
  };
}

function orphanObject({ name, cause, since, copies }: OrphanView): object {
  return {
    slot: name,
    cause,
    since: isoTime(since),
    copies: copies.map((copy) => ({
      node: copy.node,
      slot: copy.slot,
      stale: copy.stale,
      restart_lsn: lsnText(copy.restartLsn),
      confirmed_flush_lsn: lsnText(copy.confirmedFlushLsn),
      wal_bytes: copy.walBytes === undefined ? null : Number(copy.walBytes),
      doubts: reasonsJson(copy.doubts),
    })),
  };
}

function physicalObject({ name, restartLsn, copies }: PhysicalSlotView): object {
  return {
    slot: name,
    restart_lsn: formatLsn(restartLsn),
    copies: copies.map((copy) => ({
      node: copy.node,
      stale: copy.stale,
      state: copy.state,
      ...reasonsObject(copy.reasons),
      restart_lsn: lsnText(copy.restartLsn),
    })),
  };
}

/** As a sentence for people, and with codes for programs. */
function reasonsObject(reasons: readonly Reason[]): object {
  return {
    reason: reasonText(reasons),
    reasons: reasonsJson(reasons),
  };
}
