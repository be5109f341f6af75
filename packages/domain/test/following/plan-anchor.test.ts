import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { at } from '../event-examples.ts';
import { saying } from '../reason-examples.ts';
import { live, mine, outline, planned, verdictOn } from './plan-situations.ts';

describe('the pin of a slot that is to be made', { timeout: 20_000 }, () => {
  test('before any temporary slot that counts, one comes that has catalog rows held back, for all databases', () => {
    const events = [live('a'), live('b', { database: 'hr', databaseOid: 16_385 })];
    const { verdicts, idleAnchor } = planned({ events, making: { kind: 'none' } });
    assert.deepEqual(verdicts.map(outline), ['catching_up anchor', 'catching_up']);
    assert.equal(idleAnchor, false);
  });

  test('nothing is begun while the pin is waited for, and the reason says what for', () => {
    const making = { kind: 'awaited', reasons: [saying('waits for the pin: …')], wantsWal: false } as const;
    const waits = verdictOn({ events: [live('a')], making, anchored: true });
    assert.equal(outline(waits), 'catching_up');
    assert.deepEqual(waits.reasons, making.reasons);
  });

  test('the anchor goes when the temporary slot of each database has been seen under it, and not before', () => {
    const events = [live('a')];
    const idle = (pin: 'awaited' | undefined) =>
      planned({ events, anchored: true, probes: new Map([['oid 16384', { pin }]]) }).idleAnchor;
    assert.equal(planned({ events, anchored: true }).idleAnchor, false);
    assert.equal(idle('awaited'), false);
    assert.equal(idle(undefined), true);
    assert.equal(planned({ anchored: true }).idleAnchor, true);
    assert.equal(planned({ events, anchored: true, making: { kind: 'none' } }).idleAnchor, true);
  });

  test('a temporary slot whose pin was lost is given up, though it is consistent', () => {
    const probes = new Map([['oid 16384', { consistentPoint: at(0x2000), pin: 'lost' as const }]]);
    const { verdicts, idleProbes } = planned({ events: [live('a')], probes, owned: mine });
    assert.deepEqual(verdicts.map(outline), ['catching_up']);
    assert.deepEqual(idleProbes, ['oid 16384']);
  });

  test('nothing is copied from a temporary slot before it is known to count', () => {
    const probes = new Map([['oid 16384', { consistentPoint: at(0x2000), pin: 'awaited' as const }]]);
    const { verdicts, idleProbes } = planned({ events: [live('a')], probes, owned: mine });
    assert.deepEqual(verdicts.map(outline), ['catching_up']);
    assert.deepEqual(idleProbes, []);
  });
});
