import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { countMade, type Hold, parseSlotName, type SlotName } from '@slotcast/domain';
import { at } from '../event-examples.ts';
import { saying, whyOf } from '../reason-examples.ts';
import {
  live,
  local,
  mine,
  outline,
  owning,
  planned,
  probed,
  type Situation,
  verdictOn,
} from './plan-situations.ts';

/** The slots that a plan makes where four fit. */
function made(over: Situation): number {
  return countMade(planned({ maxReplicationSlots: 4, ...over }).verdicts);
}

describe('capacity', { timeout: 20_000 }, () => {
  const taken = ['x', 'y'].map((name) => local(name));

  test('what does not fit is blocked with the remedy, while slots that exist go on', () => {
    const events = [live('a'), live('b'), live('x', { confirmedFlushLsn: at(0x2100) })];
    const owned = { a: owning(), b: owning(), x: owning() };
    const { verdicts } = planned({ events, owned, probes: probed, local: taken, maxReplicationSlots: 3 });
    assert.deepEqual(verdicts.map(outline), ['catching_up copy', 'blocked', 'ready advance']);
    assert.match(whyOf(verdicts[1]), /0 of 3 are free here: raise max_replication_slots/);
  });

  test('a temporary slot is made only where a copy of it fits, too', () => {
    const situation = { events: [live('a')], local: taken };
    assert.match(
      whyOf(verdictOn({ ...situation, maxReplicationSlots: 3 })),
      /2 free replication slots .* 1 of 3/,
    );
    assert.equal(outline(verdictOn({ ...situation, maxReplicationSlots: 4 })), 'catching_up probe');
    const two = {
      events: [live('a'), live('b', { database: 'hr', databaseOid: 16_385 })],
      local: taken,
      maxReplicationSlots: 5,
    };
    assert.deepEqual(planned(two).verdicts.map(outline), ['catching_up probe', 'blocked']);
  });

  test('what lacks a place says so, as the leading slot that is kept may give up its own', () => {
    const leader = local('slotcast_leader_1');
    const remaking = { slots: new Set<SlotName>(), leaders: new Set([leader.name]) };
    const kept = { events: [live('a')], local: [...taken, leader], remaking };
    assert.equal(verdictOn({ ...kept, maxReplicationSlots: 4 }).lacksPlace, true);
    assert.deepEqual(planned({ ...kept, maxReplicationSlots: 4 }).idleLeaders, []);
    assert.equal(verdictOn({ ...kept, maxReplicationSlots: 5 }).lacksPlace, undefined);
    assert.equal(outline(verdictOn({ ...kept, local: taken, maxReplicationSlots: 4 })), 'catching_up probe');
  });

  test('the place of a slot that is being made anew is not given away while it is gone', () => {
    const [away, leader] = [parseSlotName('c'), local('slotcast_leader_1')];
    const remaking = { slots: new Set([away]), leaders: new Set([leader.name]) };
    const situation = {
      events: [live('a'), live('c')],
      owned: { c: owning({ remaking: true }) },
      held: new Map<SlotName, Hold>([
        [away, { reasons: [saying('is made anew')], pausing: true, cause: 'upkeep' }],
      ]),
      local: [...taken, leader],
      maxReplicationSlots: 5,
    };
    const steps = (over: Situation): string[] => planned({ ...situation, ...over }).verdicts.map(outline);
    assert.deepEqual(steps({ remaking }), ['blocked', 'catching_up']);
    assert.deepEqual(steps({ remaking, maxReplicationSlots: 6 }), ['catching_up probe', 'catching_up']);
  });

  test('counts the slots that the steps of a plan make, whatever they are for', () => {
    assert.equal(made({ events: [live('a')], local: taken }), 1);
    assert.equal(made({ events: [live('a')], local: taken, making: { kind: 'none' } }), 1);
    const owned = { a: owning(), b: owning({ remaking: true }) };
    const leader = local('slotcast_leader_1');
    const two = { events: [live('a'), live('b')], owned, probes: probed };
    assert.equal(made({ ...two, local: [leader] }), 2);
    assert.equal(made({ ...two, local: [...taken, leader] }), 1, 'what does not fit is not made');
    assert.equal(made({ events: [live('x')], owned: { x: owning() }, local: taken }), 0);
  });

  test('the anchor takes no place from the temporary slot that follows it, and a copy waits for it to go', () => {
    const anchor = local('slotcast_tmp_1', { temporary: true });
    const situation = { events: [live('a')], anchored: true, maxReplicationSlots: 4 };
    const begins = verdictOn({ ...situation, local: [...taken, anchor] });
    assert.equal(outline(begins), 'catching_up probe');
    const full = { ...situation, owned: mine, probes: probed };
    const rows = [...taken, anchor, local('slotcast_tmp_2', { temporary: true })];
    assert.equal(outline(verdictOn({ ...full, local: rows })), 'catching_up');
    assert.equal(outline(verdictOn({ ...full, local: rows, maxReplicationSlots: 5 })), 'catching_up copy');
  });

  test('copies come before temporary slots of other databases', () => {
    const events = [live('a', { database: 'hr', databaseOid: 16_385 }), live('b')];
    const full = { events, owned: { b: owning() }, probes: probed, local: taken, maxReplicationSlots: 4 };
    assert.deepEqual(planned(full).verdicts.map(outline), ['blocked', 'catching_up copy']);
  });

  test('a temporary slot of which no copy fits any more is given up', () => {
    const full = { events: [live('a')], owned: mine, probes: probed, local: taken, maxReplicationSlots: 2 };
    assert.equal(outline(verdictOn(full)), 'blocked');
    assert.deepEqual(planned(full).idleProbes, ['oid 16384']);
  });

  test('a temporary slot that counts twice in no way lets more be made than fit', () => {
    const temporary = local('slotcast_tmp_1', { temporary: true });
    const full = { events: [live('a')], owned: mine, probes: probed, local: [...taken, temporary] };
    assert.equal(outline(verdictOn({ ...full, maxReplicationSlots: 3 })), 'blocked');
    assert.equal(outline(verdictOn({ ...full, maxReplicationSlots: 4 })), 'catching_up copy');
  });
});
