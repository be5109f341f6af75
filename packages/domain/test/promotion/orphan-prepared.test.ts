import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findOrphanPrepared, parseSlotName, recordOrphans, timeline } from '@slotcast/domain';
import { at } from '../event-examples.ts';
import { live } from '../following/plan-situations.ts';

test('subscribers that were ahead and take prepared transactions are told of, with those that are not here', {
  timeout: 10_000,
}, () => {
  const events = new Map(
    [live('plain'), live('prepared', { twoPhase: true })].map((event) => [event.slot, event]),
  );
  const ahead = ['plain', 'prepared'].map((name) => ({
    slot: parseSlotName(name),
    confirmedFlushLsn: at(0x5800),
    outcome: 'fenced' as const,
  }));
  const before = [
    { xid: 751, gid: 'orders-1' },
    { xid: 752, gid: 'orders-2' },
    { xid: 753, pid: 7 },
  ];
  const found = findOrphanPrepared({
    ahead,
    eventOf: (slot) => events.get(slot),
    before,
    here: [{ xid: 751, gid: 'orders-1' }],
  });
  assert.deepEqual(found, [{ slot: 'prepared', gids: ['orders-2'] }]);
  const promotion = { timeline: timeline(2), switchLsn: at(0x5000), ahead, lost: [], time: 0 };
  const recorded = recordOrphans(promotion, found);
  assert.deepEqual(
    recorded.ahead.map(({ prepared }) => prepared),
    [undefined, ['orders-2']],
  );
});
