import {
  type EventOrigin,
  type Incarnation,
  type Manifest,
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
    plugin: state.plugin ?? null,
    database: state.database ?? null,
    database_oid: orNull(state.databaseOid, (oid) => toLong('database_oid', oid)),
    two_phase: state.twoPhase,
    two_phase_at: state.twoPhaseAt ?? null,
    failover: state.failover,
    synced: state.synced,
    restart_lsn: state.restartLsn ?? null,
    confirmed_flush_lsn: state.confirmedFlushLsn ?? null,
    xmin: orNull(state.xmin, (xid) => toLong('xmin', xid)),
    catalog_xmin: orNull(state.catalogXmin, (xid) => toLong('catalog_xmin', xid)),
    wal_status: state.walStatus ?? null,
    invalidation_reason: state.invalidationReason ?? null,
    active: state.active,
    inactive_since: orNull(state.inactiveSince, (ms) => toTimestamp('inactive_since', ms)),
    canary_time: orNull(state.canaryTime, (ms) => toTimestamp('canary_time', ms)),
    incarnation: incarnationFields(event.incarnation),
    ...originFields(event),
  };
}

/** Reads what `slotEventFields` wrote. Throws a RangeError on values that the domain does not have. */
export function readSlotEvent(fields: FieldReader): SlotEvent {
  const state = readSlotState(fields);
  return {
    kind: 'slot',
    op: fields.symbol('op', slotOperations),
    slot: state.name,
    incarnation: readIncarnation(fields.record('incarnation')),
    state,
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
    slots: manifest.slots.map((slot) => ({
      name: slot.name,
      incarnation: incarnationFields(slot.incarnation),
    })),
    ...originFields(manifest),
  };
}

/** Reads what `manifestFields` wrote. Throws a RangeError on values that the domain does not have. */
export function readManifest(fields: FieldReader): Manifest {
  const origin = readOrigin(fields);
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
    slots: fields.records('slots').map((slot) => ({
      name: parseSlotName(slot.text('name')),
      incarnation: readIncarnation(slot.record('incarnation')),
    })),
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
  const plugin = fields.optionalText('plugin');
  const database = fields.optionalText('database');
  const databaseOid = fields.optionalInteger('database_oid');
  const twoPhaseAt = fields.optionalPosition('two_phase_at');
  const restartLsn = fields.optionalPosition('restart_lsn');
  const confirmedFlushLsn = fields.optionalPosition('confirmed_flush_lsn');
  const xmin = fields.optionalInteger('xmin');
  const catalogXmin = fields.optionalInteger('catalog_xmin');
  const walStatus = fields.optionalText('wal_status');
  const invalidationReason = fields.optionalText('invalidation_reason');
  const inactiveSince = fields.optionalInteger('inactive_since');
  const canaryTime = fields.optionalInteger('canary_time');
  return {
    name: parseSlotName(fields.text('name')),
    type: fields.symbol('type', slotTypes),
    ...(plugin !== undefined && { plugin }),
    ...(database !== undefined && { database }),
    ...(databaseOid !== undefined && { databaseOid }),
    twoPhase: fields.flag('two_phase'),
    ...(twoPhaseAt !== undefined && { twoPhaseAt }),
    failover: fields.flag('failover'),
    synced: fields.flag('synced'),
    ...(restartLsn !== undefined && { restartLsn }),
    ...(confirmedFlushLsn !== undefined && { confirmedFlushLsn }),
    ...(xmin !== undefined && { xmin }),
    ...(catalogXmin !== undefined && { catalogXmin }),
    ...(walStatus !== undefined && { walStatus }),
    ...(invalidationReason !== undefined && { invalidationReason }),
    active: fields.flag('active'),
    ...(inactiveSince !== undefined && { inactiveSince }),
    ...(canaryTime !== undefined && { canaryTime }),
  };
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
