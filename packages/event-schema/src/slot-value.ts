import {
  type EventOrigin,
  type Incarnation,
  type LogicalSlotState,
  type Manifest,
  orphanCauses,
  type PhysicalSlotState,
  parseSlotName,
  parseSystemIdentifier,
  type SlotEvent,
  type SlotState,
  slotOperations,
  slotTypes,
  timeline,
} from '@slotcast/domain';
import { orNull, toLong, toTimestamp } from './avro-number.ts';
import type { FieldReader } from './field-reader.ts';

/** A slot event that has its state, as fields of `io.slotcast.SlotState`. Throws a RangeError on numbers that do not fit. */
export function slotEventFields(event: SlotEvent, state: SlotState): object {
  if (state.name !== event.slot) {
    throw new RangeError(`an event of slot ${event.slot} has the state of slot ${state.name}`);
  }
  return {
    op: event.op,
    name: state.name,
    type: state.type,
    ...(state.type === 'logical' ? logicalFields(state) : physicalFields(state)),
    restart_lsn: state.restartLsn ?? null,
    catalog_xmin: orNull(state.catalogXmin, (xid) => toLong('catalog_xmin', xid)),
    wal_status: state.walStatus ?? null,
    invalidation_reason: state.invalidationReason ?? null,
    active: state.active,
    snapshot: event.snapshot === undefined ? null : Buffer.from(event.snapshot),
    incarnation: incarnationFields(event.incarnation),
    ...originFields(event),
  };
}

function logicalFields(state: LogicalSlotState): object {
  return {
    plugin: state.plugin,
    database: state.database ?? null,
    database_oid: toLong('database_oid', state.databaseOid),
    two_phase: state.twoPhase,
    two_phase_at: state.twoPhaseAt ?? null,
    failover: state.failover,
    synced: state.synced,
    confirmed_flush_lsn: state.confirmedFlushLsn ?? null,
    xmin: null,
    canary_time: orNull(state.canaryTime, (ms) => toTimestamp('canary_time', ms)),
  };
}

function physicalFields(state: PhysicalSlotState): object {
  return {
    plugin: null,
    database: null,
    database_oid: null,
    two_phase: false,
    two_phase_at: null,
    failover: false,
    synced: false,
    confirmed_flush_lsn: null,
    xmin: orNull(state.xmin, (xid) => toLong('xmin', xid)),
    canary_time: null,
  };
}

/** Reads what `slotEventFields` wrote. Throws a RangeError on values that the domain does not have. */
export function readSlotEvent(fields: FieldReader): SlotEvent {
  const state = readSlotState(fields);
  const snapshot = fields.optionalBytes('snapshot');
  return {
    kind: 'slot',
    op: fields.symbol('op', slotOperations),
    slot: state.name,
    incarnation: readIncarnation(fields.record('incarnation')),
    state,
    ...(snapshot !== undefined && { snapshot }),
    ...readOrigin(fields),
  };
}

/** A manifest as fields of `io.slotcast.Manifest`. Throws a RangeError on numbers that do not fit. */
export function manifestFields(manifest: Manifest): object {
  if (manifest.history.timeline !== manifest.timeline) {
    throw new RangeError(
      `a manifest of timeline ${manifest.timeline} has the history of timeline ${manifest.history.timeline}`,
    );
  }
  return {
    system_identifier: manifest.systemIdentifier,
    ancestors: manifest.history.ancestors.map((ancestor) => ({
      timeline: toLong('timeline', ancestor.timeline),
      switch_lsn: ancestor.switchLsn,
    })),
    timeline_node: manifest.timelineNode,
    instance: manifest.instance,
    lineage: manifest.lineage,
    server_started_at: orNull(manifest.serverStartedAt, (ms) => toTimestamp('server_started_at', ms)),
    recovered_lsn: manifest.recoveredLsn ?? null,
    slots: manifest.slots.map((slot) => ({
      name: slot.name,
      incarnation: incarnationFields(slot.incarnation),
    })),
    orphans: (manifest.orphans ?? []).map((orphan) => ({
      name: orphan.name,
      incarnation: incarnationFields(orphan.incarnation),
      cause: orphan.cause,
      since: toTimestamp('since', orphan.since),
    })),
    ...originFields(manifest),
  };
}

/** Reads what `manifestFields` wrote. Throws a RangeError on values that the domain does not have. */
export function readManifest(fields: FieldReader): Manifest {
  const origin = readOrigin(fields);
  const serverStartedAt = fields.optionalInteger('server_started_at');
  const recoveredLsn = fields.optionalPosition('recovered_lsn');
  const orphans = fields.records('orphans').map((orphan) => ({
    name: parseSlotName(orphan.text('name')),
    incarnation: readIncarnation(orphan.record('incarnation')),
    cause: orphan.symbol('cause', orphanCauses),
    since: orphan.integer('since'),
  }));
  return {
    kind: 'manifest',
    systemIdentifier: parseSystemIdentifier(fields.text('system_identifier')),
    history: {
      timeline: origin.timeline,
      ancestors: fields.records('ancestors').map((ancestor) => ({
        timeline: timeline(ancestor.integer('timeline')),
        switchLsn: ancestor.position('switch_lsn'),
      })),
    },
    timelineNode: fields.text('timeline_node'),
    instance: fields.text('instance'),
    lineage: fields.text('lineage'),
    ...(serverStartedAt !== undefined && { serverStartedAt }),
    ...(recoveredLsn !== undefined && { recoveredLsn }),
    slots: fields.records('slots').map((slot) => ({
      name: parseSlotName(slot.text('name')),
      incarnation: readIncarnation(slot.record('incarnation')),
    })),
    ...(orphans.length > 0 && { orphans }),
    ...origin,
  };
}

/** An incarnation as fields of `io.slotcast.Incarnation`. */
export function incarnationFields(incarnation: Incarnation): object {
  return {
    epoch: toLong('incarnation.epoch', incarnation.epoch),
    seq: toLong('incarnation.seq', incarnation.seq),
  };
}

/** Reads what `incarnationFields` wrote. */
export function readIncarnation(fields: FieldReader): Incarnation {
  return { epoch: fields.integer('epoch'), seq: fields.integer('seq') };
}

// An absent optional field is left out rather than set to undefined, so that what was decoded is deep-equal to what was encoded.
function readSlotState(fields: FieldReader): SlotState {
  const restartLsn = fields.optionalPosition('restart_lsn');
  const catalogXmin = fields.optionalInteger('catalog_xmin');
  const walStatus = fields.optionalText('wal_status');
  const invalidationReason = fields.optionalText('invalidation_reason');
  const shared = {
    name: parseSlotName(fields.text('name')),
    ...(restartLsn !== undefined && { restartLsn }),
    ...(catalogXmin !== undefined && { catalogXmin }),
    ...(walStatus !== undefined && { walStatus }),
    ...(invalidationReason !== undefined && { invalidationReason }),
    active: fields.flag('active'),
  };
  const type = fields.symbol('type', slotTypes);
  return type === 'logical'
    ? { type, ...shared, ...readLogical(fields) }
    : { type, ...shared, ...readPhysical(fields) };
}

function readLogical(fields: FieldReader): Omit<LogicalSlotState, keyof SlotState> {
  const database = fields.optionalText('database');
  const twoPhaseAt = fields.optionalPosition('two_phase_at');
  const confirmedFlushLsn = fields.optionalPosition('confirmed_flush_lsn');
  const canaryTime = fields.optionalInteger('canary_time');
  return {
    plugin: fields.text('plugin'),
    ...(database !== undefined && { database }),
    databaseOid: fields.integer('database_oid'),
    twoPhase: fields.flag('two_phase'),
    ...(twoPhaseAt !== undefined && { twoPhaseAt }),
    failover: fields.flag('failover'),
    synced: fields.flag('synced'),
    ...(confirmedFlushLsn !== undefined && { confirmedFlushLsn }),
    ...(canaryTime !== undefined && { canaryTime }),
  };
}

function readPhysical(fields: FieldReader): Pick<PhysicalSlotState, 'xmin'> {
  const xmin = fields.optionalInteger('xmin');
  return xmin === undefined ? {} : { xmin };
}

function originFields(origin: EventOrigin): object {
  return {
    lsn: origin.lsn,
    timeline: toLong('timeline', origin.timeline),
    epoch: toLong('epoch', origin.epoch),
    seq: toLong('seq', origin.seq),
    node: origin.node,
    time: toTimestamp('time', origin.time),
  };
}

function readOrigin(fields: FieldReader): EventOrigin {
  return {
    lsn: fields.position('lsn'),
    timeline: timeline(fields.integer('timeline')),
    epoch: fields.integer('epoch'),
    seq: fields.integer('seq'),
    node: fields.text('node'),
    time: fields.integer('time'),
  };
}
