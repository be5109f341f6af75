import { parseSlotName } from '@slotcast/domain';
import { at } from '../event-examples.ts';
import { physicalSlot } from '../vocabulary-examples.ts';
import { live, local, mine, owning, planInput } from './plan-situations.ts';
import {
  a,
  behind,
  copy,
  direct,
  drop,
  leading,
  lost,
  missing,
  onA,
  otherIncarnation,
  otherLineage,
  pausing,
  restore,
  stopped,
  twoPhase,
  unproven,
  type Wrong,
  wrong,
} from './wrong-steps.ts';

const wrongDrops: readonly Wrong[] = [
  wrong('of a sound copy', drop, behind, /sound copy/),
  wrong('of a sound copy whose slot is far ahead', drop, { ...behind, replayLsn: at(0x9001) }, /sound copy/),
  wrong('of a foreign slot', drop, { ...behind, owned: {} }, /not slotcast/),
  wrong(
    'of a foreign slot of which nothing is known, even to replace it',
    drop,
    { local: [local('a')], policy: { onConflict: 'replace' } },
    /in its place/,
  ),
  wrong(
    'of a physical slot',
    drop,
    { ...behind, events: [], local: [{ ...physicalSlot('a'), temporary: false }] },
    /physical/,
  ),
  wrong(
    "of PostgreSQL's own copy",
    drop,
    { ...behind, local: [local('a', { synced: true })] },
    /synchronisation/,
  ),
  wrong(
    'of a temporary slot',
    drop,
    { ...behind, events: [], local: [local('a', { temporary: true })] },
    /not here/,
  ),
  wrong(
    'of a slot that the list names, and of which no event has come',
    drop,
    { ...behind, events: [], manifest: planInput(behind).manifest },
    /sound copy/,
  ),
  wrong(
    'of a slot whose own creation replay has not reached again',
    drop,
    { ...behind, events: [], waiting: new Map([[a, { oldest: live('a'), newest: live('a') }]]) },
    /sound copy/,
  ),
  wrong(
    'of a slot that an older list does not name',
    drop,
    { ...behind, manifest: { ...planInput({}).manifest, seq: 1 }, events: [live('a', {}, { seq: 2 })] },
    /sound copy/,
  ),
  wrong(
    'of what is gone, against the setting',
    drop,
    { ...behind, events: [], policy: { dropExtraSlots: false } },
    /SLOTCAST_DROP_EXTRA_SLOTS/,
  ),
  wrong(
    'of what is not selected, against the setting',
    drop,
    { ...behind, policy: { wanted: () => false, dropExtraSlots: false } },
    /SLOTCAST_DROP_EXTRA_SLOTS/,
  ),
  wrong(
    'of an invalidated slot of another topic',
    drop,
    { ...behind, owned: otherLineage, local: [local('a', { walStatus: 'lost' })] },
    /sound copy/,
  ),
  wrong('while a step is under way', drop, { ...behind, events: [], holds: pausing }, /no step/),
  wrong(
    'of a slot with two_phase that its subscriber has passed',
    drop,
    { events: [live('a', { twoPhase: true })], local: [local('a', { twoPhase: true })], owned: unproven },
    /sound copy/,
  ),
  wrong('of an adopted slot that cannot be made again', drop, { ...behind, owned: unproven }, /sound copy/),
];

const wrongMakings: readonly Wrong[] = [
  wrong(
    'beyond its subscriber',
    copy,
    { ...missing, probes: new Map([['oid 16384', { consistentPoint: at(0x2001) }]]) },
    /not passed/,
  ),
  wrong('past replay', copy, { ...missing, replayLsn: at(0x1fff) }, /past replay/),
  wrong('without ownership', copy, { ...missing, owned: {} }, /not on record/),
  wrong(
    'with the ownership of another incarnation',
    copy,
    { ...missing, owned: otherIncarnation },
    /not on record/,
  ),
  wrong('with the ownership of another topic', copy, { ...missing, owned: otherLineage }, /not on record/),
  wrong('where a slot is', copy, { ...missing, local: [local('a')] }, /is here/),
  wrong('of what has two_phase', copy, { ...missing, events: [live('a', { twoPhase: true })] }, /two_phase/),
  wrong('from no temporary slot', copy, { ...missing, probes: new Map() }, /sound/),
  wrong(
    'from one that has no point yet',
    copy,
    { ...missing, probes: new Map([['oid 16384', {}]]) },
    /sound/,
  ),
  ...(['lost', 'awaited'] as const).map((pin) =>
    wrong(
      `from one whose pin is ${pin}`,
      copy,
      { ...missing, probes: new Map([['oid 16384', { consistentPoint: at(0x2000), pin }]]) },
      /sound/,
    ),
  ),
  wrong(
    'beyond what is recorded',
    copy,
    { ...missing, owned: { a: owning({ highestLsn: at(0x1fff) }) } },
    /recorded/,
  ),
  wrong('of a slot that is gone', copy, { ...missing, events: [] }, /not to be here/),
  wrong(
    'of a slot that is lost there',
    copy,
    { ...missing, events: [live('a', { walStatus: 'lost' })] },
    /not to be here/,
  ),
  wrong('of what is not selected', copy, { ...missing, policy: { wanted: () => false } }, /not to be here/),
  wrong(
    'of what PostgreSQL keeps itself',
    copy,
    { ...missing, events: [live('a', { failover: true })], syncReplicationSlots: true },
    /not to be here/,
  ),
  wrong(
    'with a plugin that is not allowed',
    copy,
    { ...missing, policy: { allowedPlugins: [] } },
    /not allowed/,
  ),
  wrong(
    'with a path for a plugin',
    { ...copy, plugin: '../evil' },
    { ...missing, policy: { allowedPlugins: ['pgoutput', '../evil'] } },
    /not allowed/,
  ),
  wrong(
    'with a plugin that the server does not load',
    copy,
    { ...missing, serverPlugins: [] },
    /not to be loaded/,
  ),
  wrong('in another database', { ...copy, database: { name: 'hr', oid: 16_385 } }, missing, /database/),
  wrong('where no slot is free', copy, { ...missing, maxReplicationSlots: 0 }, /free/),
  wrong(
    'in the place of a slot that is being made anew',
    copy,
    {
      ...missing,
      maxReplicationSlots: 1,
      remaking: { slots: new Set([parseSlotName('b')]), leaders: new Set() },
    },
    /free/,
  ),
  wrong('while one is being made', copy, { ...missing, holds: pausing }, /no step/),
  wrong('directly, although a copy does', direct, missing, /two_phase/),
  wrong('directly and as safe', direct, { ...twoPhase, owned: mine }, /two_phase/),
  wrong(
    'directly, beyond its subscriber',
    direct,
    { ...twoPhase, probes: new Map([['oid 16384', { consistentPoint: at(0x2001) }]]) },
    /not passed/,
  ),
  wrong('again, of what was not to be made anew', restore, { ...lost, owned: mine }, /skip/),
  wrong(
    'again, beyond its subscriber',
    restore,
    { ...lost, local: [{ ...leading, confirmedFlushLsn: at(0x2001) }] },
    /skip/,
  ),
  wrong(
    'again, from another database',
    restore,
    { ...lost, local: [{ ...leading, database: 'hr', databaseOid: 16_385 }] },
    /skip/,
  ),
  wrong('again, from a lost slot', restore, { ...lost, local: [{ ...leading, walStatus: 'lost' }] }, /skip/),
  wrong(
    'again, from a slot of somebody',
    { ...restore, leader: a },
    { ...lost, local: [leading, local('b')] },
    /skip/,
  ),
  wrong(
    'again, with the ownership of another incarnation',
    restore,
    { ...lost, owned: { a: { ...owning({ remaking: true }), incarnation: { epoch: 9, seq: 9 } } } },
    /not on record/,
  ),
  wrong(
    'before catalog rows are held back',
    { kind: 'probe', ...onA, under: 'slotcast_tmp_9' },
    { ...missing, probes: new Map(), making: { kind: 'none' } },
    /held back/,
  ),
  wrong('a second time', { kind: 'probe', ...onA, under: 'slotcast_tmp_9' }, missing, /held back/),
  wrong('of an anchor that is there', { kind: 'anchor', ...onA }, missing, /held back/),
];

stopped('a drop', wrongDrops);

stopped('the making of a slot', wrongMakings);
