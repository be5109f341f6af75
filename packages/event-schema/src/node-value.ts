import {
  type NodeSlotStatus,
  type NodeStatus,
  nodeRoles,
  type OpenTransaction,
  type Ownership,
  parseSlotName,
  parseSystemIdentifier,
  readinessStates,
  timeline,
} from '@slotcast/domain';
import { orNull, toLong, toTimestamp } from './avro-number.ts';
import type { FieldReader } from './field-reader.ts';
import { promotionFields, readPromotion } from './promotion-value.ts';
import { proofFields, readProof } from './proof-value.ts';
import { readOptionalReason, readReason, readReasons, reasonFields } from './reason-value.ts';
import { incarnationFields, readIncarnation } from './slot-value.ts';

/** A node's status as fields of `io.slotcast.NodeStatus`. Throws a RangeError on numbers that do not fit. */
export function nodeStatusFields(status: NodeStatus): object {
  return {
    node: status.node,
    role: status.role,
    instance: status.instance,
    version: status.version,
    system_identifier: status.systemIdentifier,
    timeline: toLong('timeline', status.timeline),
    server_version: toLong('server_version', status.serverVersion),
    server_started_at: orNull(status.serverStartedAt, (ms) => toTimestamp('server_started_at', ms)),
    flush_lsn: status.flushLsn ?? null,
    replay_lsn: status.replayLsn ?? null,
    receive_lsn: status.receiveLsn ?? null,
    upstream: status.upstream ?? null,
    primary_slot_name: status.primarySlotName ?? null,
    hot_standby_feedback: status.hotStandbyFeedback ?? null,
    physical_slots: status.physicalSlots.map((slot) => ({
      name: slot.name,
      catalog_xmin: orNull(slot.catalogXmin, (xid) => toLong('catalog_xmin', xid)),
      active: slot.active ?? null,
      invalidated: slot.invalidated ?? null,
      restart_lsn: slot.restartLsn ?? null,
    })),
    wants_standby_snapshot: status.wantsStandbySnapshot,
    oldest_transaction: orNull(status.oldestTransaction, openTransactionFields),
    prepared_transactions: (status.preparedTransactions ?? []).map(openTransactionFields),
    unreadable_slots: (status.unreadableSlots ?? []).map(({ slot, reason }) => ({
      slot,
      reason: reasonFields(reason),
    })),
    alarm: orNull(status.alarm, reasonFields),
    lineage: status.lineage ?? null,
    promotion: orNull(status.promotion, promotionFields),
    canary: orNull(status.canary, ({ lagMs, time }) => ({
      lag_ms: toLong('lag_ms', lagMs),
      time: toTimestamp('time', time),
    })),
    restart_backlog: orNull(status.restartBacklog, ({ slots, bytes, since }) => ({
      slots: toLong('slots', slots),
      bytes: toLong('bytes', bytes),
      since: toTimestamp('since', since),
    })),
    time: toTimestamp('time', status.time),
  };
}

function openTransactionFields({ xid, pid, gid, since }: OpenTransaction): object {
  return {
    xid: toLong('xid', xid),
    pid: orNull(pid, (id) => toLong('pid', id)),
    gid: gid ?? null,
    since: orNull(since, (ms) => toTimestamp('since', ms)),
  };
}

/** Reads what `nodeStatusFields` wrote. Throws a RangeError on values that the domain does not have. */
export function readNodeStatus(fields: FieldReader): NodeStatus {
  const serverStartedAt = fields.optionalInteger('server_started_at');
  const flushLsn = fields.optionalPosition('flush_lsn');
  const replayLsn = fields.optionalPosition('replay_lsn');
  const receiveLsn = fields.optionalPosition('receive_lsn');
  const upstream = fields.optionalText('upstream');
  const primarySlotName = fields.optionalText('primary_slot_name');
  const hotStandbyFeedback = fields.optionalFlag('hot_standby_feedback');
  const oldest = fields.optionalRecord('oldest_transaction');
  const preparedTransactions = fields.records('prepared_transactions').map(readOpenTransaction);
  const unreadableSlots = fields
    .records('unreadable_slots')
    .map((entry) => ({ slot: entry.text('slot'), reason: readReason(entry.record('reason')) }));
  const alarm = readOptionalReason(fields, 'alarm');
  const lineage = fields.optionalText('lineage');
  const promotion = readPromotion(fields.optionalRecord('promotion'));
  const canary = fields.optionalRecord('canary');
  const backlog = fields.optionalRecord('restart_backlog');
  return {
    kind: 'node',
    node: fields.text('node'),
    role: fields.symbol('role', nodeRoles),
    instance: fields.text('instance'),
    version: fields.text('version'),
    systemIdentifier: parseSystemIdentifier(fields.text('system_identifier')),
    timeline: timeline(fields.integer('timeline')),
    serverVersion: fields.integer('server_version'),
    ...(serverStartedAt !== undefined && { serverStartedAt }),
    ...(flushLsn !== undefined && { flushLsn }),
    ...(replayLsn !== undefined && { replayLsn }),
    ...(receiveLsn !== undefined && { receiveLsn }),
    ...(upstream !== undefined && { upstream }),
    ...(primarySlotName !== undefined && { primarySlotName }),
    ...(hotStandbyFeedback !== undefined && { hotStandbyFeedback }),
    physicalSlots: fields.records('physical_slots').map((slot) => {
      const catalogXmin = slot.optionalInteger('catalog_xmin');
      const active = slot.optionalFlag('active');
      const invalidated = slot.optionalFlag('invalidated');
      const restartLsn = slot.optionalPosition('restart_lsn');
      return {
        name: parseSlotName(slot.text('name')),
        ...(catalogXmin !== undefined && { catalogXmin }),
        ...(active !== undefined && { active }),
        ...(invalidated !== undefined && { invalidated }),
        ...(restartLsn !== undefined && { restartLsn }),
      };
    }),
    wantsStandbySnapshot: fields.flag('wants_standby_snapshot'),
    ...(oldest !== undefined && { oldestTransaction: readOpenTransaction(oldest) }),
    ...(preparedTransactions.length > 0 && { preparedTransactions }),
    ...(unreadableSlots.length > 0 && { unreadableSlots }),
    ...(alarm !== undefined && { alarm }),
    ...(lineage !== undefined && { lineage }),
    ...(promotion !== undefined && { promotion }),
    ...(canary !== undefined && {
      canary: { lagMs: canary.integer('lag_ms'), time: canary.integer('time') },
    }),
    ...(backlog !== undefined && {
      restartBacklog: {
        slots: backlog.integer('slots'),
        bytes: backlog.integer('bytes'),
        since: backlog.integer('since'),
      },
    }),
    time: fields.integer('time'),
  };
}

function readOpenTransaction(fields: FieldReader): OpenTransaction {
  const pid = fields.optionalInteger('pid');
  const gid = fields.optionalText('gid');
  const since = fields.optionalInteger('since');
  return {
    xid: fields.integer('xid'),
    ...(pid !== undefined && { pid }),
    ...(gid !== undefined && { gid }),
    ...(since !== undefined && { since }),
  };
}

/** The status of a slot on a node as fields of `io.slotcast.NodeSlotStatus`. Throws a RangeError on numbers that do not fit. */
export function nodeSlotStatusFields(status: NodeSlotStatus): object {
  return {
    node: status.node,
    slot: status.slot,
    role: status.role,
    ownership: orNull(status.ownership, (ownership) => ({
      incarnation: incarnationFields(ownership.incarnation),
      lineage: ownership.lineage,
      proven: ownership.proven,
      highest_lsn: ownership.highestLsn ?? null,
      remaking: ownership.remaking ?? false,
      physical: ownership.physical ?? false,
    })),
    state: status.state,
    reasons: status.reasons.map(reasonFields),
    restart_lsn: status.restartLsn ?? null,
    confirmed_flush_lsn: status.confirmedFlushLsn ?? null,
    decoding: orNull(status.decoding, reasonFields),
    orphaned: status.orphaned ?? false,
    proof: orNull(status.proof, proofFields),
    time: toTimestamp('time', status.time),
  };
}

/** Reads what `nodeSlotStatusFields` wrote. Throws a RangeError on values that the domain does not have. */
export function readNodeSlotStatus(fields: FieldReader): NodeSlotStatus {
  const ownership = readOwnership(fields.optionalRecord('ownership'));
  const restartLsn = fields.optionalPosition('restart_lsn');
  const confirmedFlushLsn = fields.optionalPosition('confirmed_flush_lsn');
  const decoding = readOptionalReason(fields, 'decoding');
  const proof = readProof(fields.optionalRecord('proof'));
  return {
    kind: 'node_slot',
    node: fields.text('node'),
    slot: parseSlotName(fields.text('slot')),
    role: fields.symbol('role', nodeRoles),
    ...(ownership !== undefined && { ownership }),
    state: fields.symbol('state', readinessStates),
    reasons: readReasons(fields, 'reasons'),
    ...(fields.flag('orphaned') && { orphaned: true }),
    ...(restartLsn !== undefined && { restartLsn }),
    ...(confirmedFlushLsn !== undefined && { confirmedFlushLsn }),
    ...(decoding !== undefined && { decoding }),
    ...(proof !== undefined && { proof }),
    time: fields.integer('time'),
  };
}

function readOwnership(fields: FieldReader | undefined): Ownership | undefined {
  if (fields === undefined) {
    return undefined;
  }
  const highestLsn = fields.optionalPosition('highest_lsn');
  return {
    incarnation: readIncarnation(fields.record('incarnation')),
    lineage: fields.text('lineage'),
    proven: fields.flag('proven'),
    ...(highestLsn !== undefined && { highestLsn }),
    ...(fields.flag('remaking') && { remaking: true }),
    ...(fields.flag('physical') && { physical: true }),
  };
}
