import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Hold, type LocalLogicalSlot, parseSlotName } from '@slotcast/domain';
import { at } from '../event-examples.ts';
import { saying } from '../reason-examples.ts';
import { live, local, outline, owning, planned, type Situation, verdictOn } from './plan-situations.ts';

const LEADER = 'slotcast_leader_1';
const remaking = { a: owning({ remaking: true }) };
const inMaking = { slots: new Set([parseSlotName('a')]), leaders: new Set([parseSlotName(LEADER)]) };

function leader(over: Partial<LocalLogicalSlot> = {}): LocalLogicalSlot {
  return local(LEADER, { confirmedFlushLsn: at(0x1800), ...over });
}

function idleLeaders(situation: Situation): readonly string[] {
  return planned(situation).idleLeaders;
}

describe('a slot that was to be made anew and is missing', { timeout: 10_000 }, () => {
  const missing = { events: [live('a')], owned: remaking };

  test('is made again from the leading slot, before anything else is asked', () => {
    const blocked = { pin: { hotStandbyFeedback: false, primarySlotName: undefined, links: [] } };
    const { action, state } = verdictOn({ ...missing, ...blocked, local: [leader()] });
    assert.equal(state, 'catching_up');
    assert.deepEqual(action, {
      kind: 'restore',
      slot: 'a',
      database: { name: 'shop', oid: 16_384 },
      plugin: 'pgoutput',
      leader: LEADER,
    });
  });

  test('is made from the furthest one that its subscriber has passed', () => {
    const second = leader({ name: parseSlotName('slotcast_leader_2'), confirmedFlushLsn: at(0x1900) });
    const beyond = leader({ name: parseSlotName('slotcast_leader_3'), confirmedFlushLsn: at(0x2001) });
    const { action } = verdictOn({ ...missing, local: [leader(), second, beyond] });
    assert.equal(action?.kind === 'restore' && action.leader, 'slotcast_leader_2');
  });

  test('is not made from one that could skip a change, or is of another database, or of no use', () => {
    for (const over of [
      { confirmedFlushLsn: at(0x2001) },
      { restartLsn: at(0x2001) },
      { database: 'hr', databaseOid: 16_385 },
      { invalidationReason: 'rows_removed' },
      { temporary: true },
      { twoPhase: true },
      { confirmedFlushLsn: undefined },
      { name: parseSlotName('a_leader') },
    ]) {
      const { action } = verdictOn({ ...missing, local: [leader(over)] });
      assert.notEqual(action?.kind, 'restore', JSON.stringify(Object.keys(over)));
    }
  });

  test('is made as any other when it was not to be made anew, or is another one by now', () => {
    const here = { local: [leader()] };
    for (const owned of [
      owning(),
      owning({ remaking: true, proven: false }),
      owning({ remaking: true, lineage: 'another' }),
      owning({ remaking: true, incarnation: { epoch: 1, seq: 0 } }),
    ]) {
      assert.equal(
        outline(verdictOn({ events: [live('a')], owned: { a: owned }, ...here })),
        'catching_up probe',
      );
    }
    const twoPhase = verdictOn({ events: [live('a', { twoPhase: true })], owned: remaking, ...here });
    assert.equal(outline(twoPhase), 'catching_up probe');
  });

  test('keeps the leading slot, and has a place before new slots', () => {
    assert.deepEqual(idleLeaders({ ...missing, local: [leader()] }), []);
    // Its first event is still ahead of replay after a crash.
    assert.deepEqual(idleLeaders({ owned: remaking, local: [leader()] }), []);
    const invalid = leader({ walStatus: 'lost' });
    assert.deepEqual(idleLeaders({ ...missing, local: [invalid] }), [LEADER]);
    const { verdicts } = planned({
      events: [live('a'), live('b')],
      owned: { a: owning(), b: owning({ remaking: true }) },
      probes: new Map([['oid 16384', { consistentPoint: at(0x2000) }]]),
      local: [leader()],
      maxReplicationSlots: 2,
    });
    assert.deepEqual(verdicts.map(outline), ['blocked', 'catching_up restore']);
  });
});

describe('a slot that got lost with all that it could be made from', { timeout: 10_000 }, () => {
  const lost = { events: [live('a')], owned: remaking };
  const beyond = leader({ confirmedFlushLsn: at(0x2001) });

  test('keeps no leading slot of later waves, however long its subscriber is silent', () => {
    assert.deepEqual(idleLeaders({ ...lost, local: [beyond] }), [LEADER]);
    assert.deepEqual(idleLeaders({ ...lost, local: [leader({ database: 'hr', databaseOid: 16_385 })] }), [
      LEADER,
    ]);
    const dropped = { ...live('a', {}, { op: 'drop' }), state: undefined };
    assert.deepEqual(idleLeaders({ ...lost, events: [dropped], local: [leader()] }), [LEADER]);
  });

  test('keeps one as long as what its subscriber has confirmed may still be ahead of replay', () => {
    const ahead = live('a', { confirmedFlushLsn: at(0x9500) }, { lsn: at(0x9500) });
    const waiting = new Map([[ahead.slot, { oldest: ahead, newest: ahead }]]);
    assert.deepEqual(idleLeaders({ ...lost, local: [beyond], waiting }), []);
  });
});

describe('a slot that was to be made anew and is here', { timeout: 10_000 }, () => {
  const here = { events: [live('a')], owned: remaking, local: [local('a'), leader()] };

  test('is recorded without it when nobody is at it any more, and then the leading slot goes', () => {
    const { state, action } = verdictOn(here);
    assert.equal(state, 'ready');
    assert.ok(action?.kind === 'own');
    assert.deepEqual(action.ownership, owning());
    assert.deepEqual(idleLeaders(here), [LEADER]);
  });

  test('leaves a leading slot alone for a while that could not be dropped, as a session that was killed may still use it', () => {
    const hold: Hold = { reasons: [saying('is in use')], pausing: true, cause: 'passing' };
    const tried = { local: [leader()], holds: { [LEADER]: hold } };
    assert.deepEqual(idleLeaders(tried), []);
    assert.deepEqual(idleLeaders({ ...tried, holds: { [LEADER]: { ...hold, pausing: false } } }), [LEADER]);
  });

  test('is followed as any other while it waits for its turn', () => {
    const behind = { ...here, local: [local('a', { confirmedFlushLsn: at(0x1900) }), leader()] };
    assert.equal(outline(verdictOn({ ...behind, remaking: inMaking })), 'ready advance');
    assert.deepEqual(idleLeaders({ ...behind, remaking: inMaking }), []);
  });

  test('is left alone in its turn, and stays what it is', () => {
    const upkeep: Hold = { reasons: [saying('is being made anew')], pausing: true, cause: 'upkeep' };
    const behind = { ...here, local: [local('a', { confirmedFlushLsn: at(0x1900) }), leader()] };
    const verdict = verdictOn({ ...behind, remaking: inMaking, holds: { a: upkeep } });
    assert.equal(outline(verdict), 'ready');
    assert.equal(verdict.sound, true);
    // Its own session shows as active.
    const used = { ...here, local: [local('a', { active: true })], holds: { a: upkeep } };
    assert.equal(outline(verdictOn(used)), 'ready');
    const gone = { ...here, local: [leader()], remaking: inMaking, holds: { a: upkeep } };
    assert.equal(outline(verdictOn(gone)), 'catching_up');
  });
});

test('only a copy that is slotcast’s, and stands where it should, counts as sound', () => {
  const events = [live('a')];
  const owned = { a: owning() };
  assert.equal(verdictOn({ events, owned, local: [local('a')] }).sound, true);
  for (const over of [
    { active: true },
    { confirmedFlushLsn: at(0x2001) },
    { invalidationReason: 'rows_removed' },
    { plugin: 'test_decoding' },
    { synced: true },
  ]) {
    assert.equal(
      verdictOn({ events, owned, local: [local('a', over)] }).sound,
      undefined,
      JSON.stringify(Object.keys(over)),
    );
  }
  assert.equal(verdictOn({ events, local: [local('a')] }).sound, undefined);
  const unproven = { a: owning({ proven: false }) };
  assert.equal(verdictOn({ events, owned: unproven, local: [local('a')] }).sound, undefined);
});
