import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { at } from '../event-examples.ts';
import { live, local, mine, outline, owning, planned, probed, verdictOn } from './plan-situations.ts';

describe('capacity', { timeout: 20_000 }, () => {
  const taken = ['x', 'y'].map((name) => local(name));

  test('what does not fit is blocked with the remedy, while slots that exist go on', () => {
    const events = [live('a'), live('b'), live('x', { confirmedFlushLsn: at(0x2100) })];
    const owned = { a: owning(), b: owning(), x: owning() };
    const { verdicts } = planned({ events, owned, probes: probed, local: taken, maxReplicationSlots: 3 });
    assert.deepEqual(verdicts.map(outline), ['catching_up copy', 'blocked', 'ready advance']);
    assert.match(verdicts[1]?.reason ?? '', /0 of 3 are free here: raise max_replication_slots/);
  });

  test('a temporary slot is made only where a copy of it fits, too', () => {
    const situation = { events: [live('a')], local: taken };
    assert.match(
      verdictOn({ ...situation, maxReplicationSlots: 3 }).reason,
      /2 free replication slots .* 1 of 3/,
    );
    assert.equal(outline(verdictOn({ ...situation, maxReplicationSlots: 4 })), 'catching_up probe');
    const two = { events: [live('a'), live('b', { database: 'hr' })], local: taken, maxReplicationSlots: 5 };
    assert.deepEqual(planned(two).verdicts.map(outline), ['catching_up probe', 'blocked']);
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
    const events = [live('a', { database: 'hr' }), live('b')];
    const full = { events, owned: { b: owning() }, probes: probed, local: taken, maxReplicationSlots: 4 };
    assert.deepEqual(planned(full).verdicts.map(outline), ['blocked', 'catching_up copy']);
  });

  test('a temporary slot of which no copy fits any more is given up', () => {
    const full = { events: [live('a')], owned: mine, probes: probed, local: taken, maxReplicationSlots: 2 };
    assert.equal(outline(verdictOn(full)), 'blocked');
    assert.deepEqual(planned(full).idleProbes, ['name shop']);
  });

  test('a temporary slot that counts twice in no way lets more be made than fit', () => {
    const temporary = local('slotcast_tmp_1', { temporary: true });
    const full = { events: [live('a')], owned: mine, probes: probed, local: [...taken, temporary] };
    assert.equal(outline(verdictOn({ ...full, maxReplicationSlots: 3 })), 'blocked');
    assert.equal(outline(verdictOn({ ...full, maxReplicationSlots: 4 })), 'catching_up copy');
  });
});
