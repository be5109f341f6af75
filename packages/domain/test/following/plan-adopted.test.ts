import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { at } from '../event-examples.ts';
import { live, local, outline, owning, pin, planned, probed, verdictOn } from './plan-situations.ts';

describe('a slot that somebody else made and slotcast adopted', { timeout: 20_000 }, () => {
  const owned = { a: owning({ proven: false }) };
  const early = { catalogXmin: 700, restartLsn: at(0x1800) };
  /** The primary's own slot needs less than the one here. */
  const moved = live('a', { catalogXmin: 710, restartLsn: at(0x1900) });
  const here = [local('a', early)];

  test('is sound where the primary still holds back for its own slot all that it needs', () => {
    const { action } = verdictOn({ events: [live('a', early)], local: here, owned });
    assert.deepEqual(action, { kind: 'own', slot: 'a', ownership: owning() });
  });

  test('is not sound, and never ready, where the primary needs less, or the pin is not there', () => {
    const unpinned = { ...pin, links: [] };
    const situations = [
      { events: [moved] },
      { events: [live('a', { ...early, catalogXmin: 701 })] },
      { events: [live('a', { ...early, restartLsn: at(0x1801) })] },
      { events: [live('a', early)], pin: { ...unpinned, missing: 'to_bravo' } },
      {
        events: [live('a', early)],
        waiting: new Map([[moved.slot, { oldest: moved, newest: moved }]]),
      },
    ];
    for (const situation of situations) {
      const judged = verdictOn({ ...situation, local: here, owned });
      assert.notEqual(judged.action?.kind, 'own');
      assert.ok(judged.state === 'catching_up' || judged.state === 'blocked');
      assert.equal(judged.atRisk, true);
    }
  });

  test('is dropped for a sound one as soon as that can be made, and not before', () => {
    const situation = { events: [moved], local: here, owned };
    assert.equal(outline(verdictOn(situation)), 'catching_up probe');
    const behind = live('a', { ...moved.state, confirmedFlushLsn: at(0x1fff) });
    const waits = planned({ ...situation, events: [behind], probes: probed });
    assert.deepEqual(waits.verdicts.map(outline), ['catching_up']);
    assert.deepEqual(waits.idleProbes, []);
    const passed = planned({ ...situation, probes: probed });
    assert.deepEqual(passed.verdicts.map(outline), ['catching_up drop']);
    assert.deepEqual(passed.idleProbes, []);
  });
});
