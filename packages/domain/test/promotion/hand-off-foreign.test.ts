import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseSlotName } from '@slotcast/domain';
import { at } from '../event-examples.ts';
import { live, local, mine, owning } from '../following/plan-situations.ts';
import { whyOf } from '../reason-examples.ts';
import { confirmed, handOffOf, stepsOf } from './hand-off-situations.ts';

describe('a slot of the published name on a promoted server', { timeout: 20_000 }, () => {
  test("touches no slot that is not slotcast's, and tells that the one that was published is lost", () => {
    const foreign = [
      {},
      { a: owning({ lineage: 'other' }) },
      { a: owning({ incarnation: { epoch: 1, seq: 2 } }) },
    ];
    for (const owned of foreign) {
      for (const position of [0x3000, 0x5800, 0x6001]) {
        const state = { failover: true, confirmedFlushLsn: at(position) };
        const event = live('a', state, { lsn: at(0x9_0000) });
        const plan = handOffOf({ events: [event], local: [local('a')], owned });
        assert.deepEqual(stepsOf(plan), [], `0x${position.toString(16)}`);
        assert.match(whyOf(plan.lost[0]), /is another one/);
      }
    }
  });

  test("takes one for the published slot that PostgreSQL's own synchronisation kept, but none that was made after the promotion", () => {
    const events = [confirmed('a', 0x3000)];
    const synced = handOffOf({ events, local: [local('a', { synced: true })] });
    assert.deepEqual([stepsOf(synced), synced.lost], [[], []]);
    const made = local('a', { restartLsn: at(0x5100), confirmedFlushLsn: at(0x5200) });
    const plan = handOffOf({ events, local: [made], before: [], owned: mine });
    assert.deepEqual(stepsOf(plan), []);
    assert.match(whyOf(plan.lost[0]), /is another one/);
  });

  test('loses nothing that the primary before did not have either', () => {
    const events = [confirmed('a', 0x3000)];
    const orphaned = new Set([parseSlotName('a')]);
    assert.deepEqual(handOffOf({ events, orphaned }).lost, []);
    const back = handOffOf({ events, orphaned, local: [local('a')], owned: mine });
    assert.deepEqual([stepsOf(back), back.lost], [['advance a'], []]);
  });
});
