import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type SlotAction, timeline } from '@slotcast/domain';
import { at, manifest, slotEvent } from '../event-examples.ts';
import { saying, whyOf } from '../reason-examples.ts';
import { physicalSlot, shop } from '../vocabulary-examples.ts';
import {
  live,
  local,
  mine,
  outline,
  owning,
  pin,
  planned,
  probed,
  type Situation,
  verdictOn,
} from './plan-situations.ts';

function standing(confirmedHere: number, confirmedThere: number, over: Situation = {}): Situation {
  return {
    events: [live('a', { confirmedFlushLsn: at(confirmedThere) })],
    local: [local('a', { confirmedFlushLsn: at(confirmedHere) })],
    owned: mine,
    ...over,
  };
}

function advanceOf(situation: Situation): Extract<SlotAction, { kind: 'advance' }> | undefined {
  const { action } = verdictOn(situation);
  return action?.kind === 'advance' ? action : undefined;
}

describe('a slot here whose row cannot be right', { timeout: 20_000 }, () => {
  const unreadable = [{ slot: 'a', reason: saying('no position') }];

  test('is blocked and left as it is, whatever is published of it', () => {
    const gone = live('a', {}, { op: 'drop' });
    for (const events of [[], [live('a')], [gone], [live('a', { failover: true })]]) {
      const verdict = verdictOn({ events, unreadable, owned: mine, syncReplicationSlots: true });
      assert.deepEqual([outline(verdict), verdict.reasons], ['blocked', [unreadable[0]?.reason]]);
    }
  });

  test('stops none of the others, and takes up room', () => {
    const events = [live('a'), live('b'), live('c')];
    const rest = { unreadable, local: [local('b')], owned: { ...mine, b: owning() }, probes: probed };
    const { verdicts } = planned({ events, ...rest });
    assert.deepEqual(verdicts.map(outline), ['blocked', 'ready', 'catching_up own']);
    const full = planned({ events: [live('c')], unreadable, maxReplicationSlots: 2 });
    assert.deepEqual(full.verdicts.map(outline), ['blocked']);
  });
});

describe('making a slot', { timeout: 20_000 }, () => {
  test('a temporary slot comes first, one per database', () => {
    const inOther = live('c', { database: 'hr', databaseOid: 16_385 });
    const { verdicts } = planned({ events: [live('a'), live('b'), inOther] });
    assert.deepEqual(verdicts.map(outline), ['catching_up probe', 'catching_up', 'catching_up probe']);
  });

  test('nothing more happens until the temporary slot is consistent', () => {
    const waits = verdictOn({ events: [live('a')], probes: new Map([['oid 16384', {}]]) });
    assert.equal(outline(waits), 'catching_up');
    assert.match(whyOf(waits), /every transaction open on the primary/);
  });

  test("an unsafe slot never gets its real name: the primary's subscriber has to confirm the consistent point first", () => {
    const before = { events: [live('a', { confirmedFlushLsn: at(0x1fff) })], probes: probed };
    assert.equal(outline(verdictOn(before)), 'catching_up');
    assert.equal(outline(verdictOn({ ...before, owned: mine })), 'catching_up');
    assert.match(
      whyOf(verdictOn(before)),
      /subscriber of slot a on the primary to confirm 0\/2000 \(now 0\/1FFF\)/,
    );
    assert.equal(outline(verdictOn({ events: [live('a')], probes: probed })), 'catching_up own');
  });

  test('ownership is recorded before the slot is made, for this incarnation and this topic', () => {
    const { action } = verdictOn({ events: [live('a')], probes: probed });
    assert.deepEqual(action, { kind: 'own', slot: 'a', ownership: owning() });
    for (const stale of [{ incarnation: { epoch: 1, seq: 9 } }, { lineage: 'older' }, { proven: false }]) {
      const again = verdictOn({ events: [live('a')], probes: probed, owned: { a: owning(stale) } });
      assert.equal(outline(again), 'catching_up own');
    }
  });

  test('once owned, the temporary slot is copied to the real name with its plugin', () => {
    const { action } = verdictOn({ events: [live('a')], probes: probed, owned: mine });
    assert.deepEqual(action, { kind: 'copy', slot: 'a', database: shop, plugin: 'pgoutput' });
  });

  test('slots of another database do not use this temporary slot', () => {
    const elsewhere = verdictOn({
      events: [live('a', { database: 'hr', databaseOid: 16_385 })],
      probes: probed,
    });
    assert.equal(outline(elsewhere), 'catching_up probe');
  });

  test('a temporary slot is that of a database, whatever name this has got since', () => {
    const probes = new Map([['oid 16384', { consistentPoint: at(0x1000) }]]);
    const renamed = verdictOn({ events: [live('a', { database: 'store', databaseOid: 16_384 })], probes });
    assert.equal(outline(renamed), 'catching_up own');
    const swapped = planned({ events: [live('a', { databaseOid: 16_385 })], probes });
    assert.deepEqual(swapped.verdicts.map(outline), ['catching_up probe']);
    assert.deepEqual(swapped.idleProbes, ['oid 16384']);
  });

  test('a temporary slot goes when no slot of its database is to be made any more', () => {
    const done = { events: [live('a')], probes: probed, local: [local('a')], owned: mine };
    assert.deepEqual(planned(done).idleProbes, ['oid 16384']);
    assert.deepEqual(planned({ ...done, events: [live('a'), live('b')] }).idleProbes, []);
    assert.deepEqual(planned({ probes: probed }).idleProbes, ['oid 16384']);
  });
});

describe('a slot that exists here', { timeout: 20_000 }, () => {
  test('is advanced to where the consumer on the primary is', () => {
    const goal = at(0x2100);
    const expected = { kind: 'advance', slot: 'a', database: shop, plugin: 'pgoutput', target: goal, goal };
    assert.deepEqual(verdictOn(standing(0x2000, 0x2100)).action, expected);
  });

  test('is never advanced past replay', () => {
    assert.equal(advanceOf(standing(0x2000, 0x3000, { replayLsn: at(0x2080) }))?.target, at(0x2080));
    assert.equal(advanceOf(standing(0x2000, 0x3000, { replayLsn: at(0x2000) })), undefined);
  });

  test('never goes backwards, and no target is tried twice', () => {
    assert.equal(outline(verdictOn(standing(0x2000, 0x1000))), 'ready');
    assert.equal(outline(verdictOn(standing(0x2000, 0x2000))), 'ready');
  });

  test('is advanced in steps of bounded size that lead to the goal', () => {
    const positions = [0x2000];
    for (const from of [0x2000, 0x23e8, 0x27d0, 0x2a00]) {
      const step = advanceOf(standing(from, 0x2a00));
      positions.push(Number(step?.target ?? 0n));
      assert.equal(step?.goal, from === 0x2a00 ? undefined : at(0x2a00));
    }
    assert.deepEqual(positions, [0x2000, 0x23e8, 0x27d0, 0x2a00, 0]);
  });

  test('goes on advancing while it is blocked by the pin', () => {
    const blocked = verdictOn(standing(0x2000, 0x2100, { pin: { ...pin, hotStandbyFeedback: false } }));
    assert.equal(outline(blocked), 'blocked advance');
  });

  test('of another incarnation is dropped, to be remade', () => {
    const remade = live('a', {}, { incarnation: { epoch: 1, seq: 7 } });
    assert.equal(
      outline(verdictOn({ events: [remade], local: [local('a')], owned: mine })),
      'catching_up drop',
    );
  });

  test('with another plugin, database or two_phase than on the primary is dropped, to be remade', () => {
    for (const over of [
      { plugin: 'test_decoding' },
      { database: 'hr', databaseOid: 16_385 },
      { twoPhase: true },
    ]) {
      const other = verdictOn({ events: [live('a')], local: [local('a', over)], owned: mine });
      assert.equal(outline(other), 'catching_up drop');
    }
  });

  test('stays ready when its database is renamed, and is moved by the name that this server knows', () => {
    const events = [live('a', { database: 'store', databaseOid: 16_384, confirmedFlushLsn: at(0x2100) })];
    const here = [local('a', { database: 'shop', databaseOid: 16_384 })];
    const kept = verdictOn({ events, local: here, owned: mine });
    assert.equal(outline(kept), 'ready advance');
    assert.deepEqual(kept.action?.kind === 'advance' && kept.action.database, { name: 'shop', oid: 16_384 });
  });

  test('is dropped, to be remade, when another database has the name of its own', () => {
    const events = [live('a', { databaseOid: 16_385 })];
    const other = verdictOn({ events, local: [local('a', { databaseOid: 16_384 })], owned: mine });
    assert.equal(outline(other), 'catching_up drop');
  });

  test('is adopted, not dropped, when the topic was recreated', () => {
    const remade = live('a', {}, { incarnation: { epoch: 1, seq: 7 } });
    const fresh = manifest(['a'], { seq: 100 }, { lineage: 'second' });
    const { action } = verdictOn({ events: [remade], manifest: fresh, local: [local('a')], owned: mine });
    const ownership = owning({ incarnation: { epoch: 1, seq: 7 }, lineage: 'second' });
    assert.deepEqual(action, { kind: 'own', slot: 'a', ownership });
  });

  test('stays unproven when it is adopted from a recreated topic', () => {
    const { action } = verdictOn({
      events: [live('a', { twoPhase: true })],
      manifest: manifest(['a'], { seq: 100 }, { lineage: 'second' }),
      local: [local('a', { twoPhase: true })],
      owned: { a: owning({ proven: false }) },
    });
    assert.deepEqual(action?.kind === 'own' && action.ownership.proven, false);
  });

  test('invalidated only here is dropped, to be remade', () => {
    for (const over of [
      { invalidationReason: 'rows_removed' },
      { walStatus: 'lost', restartLsn: undefined },
    ]) {
      const lost = verdictOn({ events: [live('a')], local: [local('a', over)], owned: mine });
      assert.equal(outline(lost), 'catching_up drop');
      assert.match(whyOf(lost), /on this server only/);
    }
  });

  test('in the making is waited for', () => {
    const making = {
      events: [live('a')],
      local: [local('a', { confirmedFlushLsn: undefined })],
      owned: mine,
    };
    assert.equal(outline(verdictOn(making)), 'catching_up');
  });

  test('under a temporary name of the same session is not mistaken for the real one', () => {
    const shadow = { events: [live('a')], local: [local('a', { temporary: true })] };
    assert.equal(outline(verdictOn(shadow)), 'catching_up probe');
  });
});

describe('a slot that is gone on the primary', { timeout: 20_000 }, () => {
  const dropped = { events: [live('a', {}, { op: 'drop' })], owned: mine };

  test('is dropped here, then released', () => {
    assert.equal(outline(verdictOn({ ...dropped, local: [local('a')] })), 'absent drop');
    assert.equal(outline(verdictOn(dropped)), 'absent release');
    assert.equal(outline(verdictOn({ ...dropped, owned: {} })), 'absent');
  });

  test('is dropped by its tombstone alone', () => {
    const tombstone = [{ ...live('a', {}, { op: 'drop' }), state: undefined }];
    assert.equal(outline(verdictOn({ ...dropped, events: tombstone, local: [local('a')] })), 'absent drop');
  });

  test('stays with SLOTCAST_DROP_EXTRA_SLOTS=false', () => {
    const kept = verdictOn({ ...dropped, local: [local('a')], policy: { dropExtraSlots: false } });
    assert.equal(outline(kept), 'absent');
    assert.match(whyOf(kept), /SLOTCAST_DROP_EXTRA_SLOTS=false/);
  });

  test('is dropped although compaction removed its tombstone: the manifest does not name it', () => {
    assert.equal(outline(verdictOn({ owned: mine, local: [local('a')] })), 'absent drop');
    assert.equal(outline(verdictOn({ owned: mine })), 'absent release');
    const swept = {
      events: [live('a')],
      manifest: manifest([], { seq: 2 }),
      owned: mine,
      local: [local('a')],
    };
    assert.equal(outline(verdictOn(swept)), 'absent drop');
  });

  test('is not gone by a manifest older than its event, nor by one that names it', () => {
    const older = {
      events: [live('a')],
      manifest: manifest([], { seq: 1, timeline: 1, epoch: 0 }),
      owned: mine,
    };
    assert.equal(outline(verdictOn({ ...older, local: [local('a')] })), 'ready');
    const named = { manifest: manifest(['a'], { seq: 9 }), owned: mine, local: [local('a')] };
    assert.equal(outline(verdictOn(named)), 'catching_up');
  });

  test('is spared when only a crash of the standby took replay back to before it existed', () => {
    const ahead = slotEvent('a', { seq: 200 });
    const waiting = new Map([[ahead.slot, { oldest: ahead, newest: ahead }]]);
    assert.equal(outline(verdictOn({ waiting, owned: mine, local: [local('a')] })), 'catching_up');
    for (const other of [{ incarnation: { epoch: 0, seq: 1 } }, { lineage: 'older' }]) {
      const stale = { a: owning(other) };
      assert.equal(outline(verdictOn({ waiting, owned: stale, local: [local('a')] })), 'absent drop');
    }
  });

  test('is dropped when a physical slot took its name there', () => {
    const physical = slotEvent('a', { seq: 1 }, { state: physicalSlot('a') });
    assert.equal(outline(verdictOn({ events: [physical], owned: mine, local: [local('a')] })), 'absent drop');
    assert.deepEqual(planned({ events: [physical] }).verdicts, []);
  });

  test('or that the filter does not select is absent, and a copy of it is dropped', () => {
    const unwanted = {
      events: [live('a')],
      policy: { wanted: () => false, filter: { text: 'b', confirmed: true } },
    };
    assert.equal(outline(verdictOn(unwanted)), 'absent');
    assert.equal(outline(verdictOn({ ...unwanted, owned: mine, local: [local('a')] })), 'absent drop');
    assert.match(whyOf(verdictOn(unwanted)), /SLOTCAST_SLOTS/);
  });

  test('or invalidated there is reported, and a copy of it is dropped, then released', () => {
    const lost = { events: [live('a', { walStatus: 'lost', invalidationReason: 'idle_timeout' })] };
    assert.match(whyOf(verdictOn(lost)), /lost on the primary \(idle_timeout\)/);
    assert.equal(outline(verdictOn({ ...lost, owned: mine, local: [local('a')] })), 'invalidated drop');
    assert.equal(outline(verdictOn({ ...lost, owned: mine })), 'invalidated release');
    assert.equal(outline(verdictOn({ ...lost, probes: probed })), 'invalidated');
  });
});

test('working slots of slotcast itself are nobody else’s business', { timeout: 20_000 }, () => {
  const events = [live('slotcast_tmp_1'), live('slotcast_keep')];
  assert.deepEqual(planned({ events }).verdicts, []);
});

test('slots of another timeline than the manifest are compared in event order', { timeout: 20_000 }, () => {
  const promoted = slotEvent('a', { timeline: 2, epoch: 2 });
  const ready = {
    events: [promoted],
    manifest: manifest([], { seq: 900 }),
    owned: mine,
    local: [local('a')],
  };
  assert.equal(promoted.timeline, timeline(2));
  assert.equal(outline(verdictOn(ready)), 'ready');
});
