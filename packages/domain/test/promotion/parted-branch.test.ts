import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type TimelineHistory, timeline } from '@slotcast/domain';
import { at } from '../event-examples.ts';
import { local, mine } from '../following/plan-situations.ts';
import { confirmed, type HandOffSituation, handOffOf, stepsOf } from './hand-off-situations.ts';

const unfenced = [{ reachedLsn: at(0x6000), clean: false }];

/** The history of a server that left the first timeline there. */
function from(switched: number, to: number): TimelineHistory {
  return { timeline: timeline(to), ancestors: [{ timeline: timeline(1), switchLsn: at(switched) }] };
}

test('a position of a branch that parted from this line earlier is ahead from there on, not from where this server left the common timeline', () => {
  const situation: HandOffSituation = {
    others: [confirmed('a', 0x4000, { timeline: timeline(2) })],
    local: [local('a', { confirmedFlushLsn: at(0x2000) })],
    owned: mine,
    history: from(0x5000, 3),
    passes: unfenced,
  };
  const plan = handOffOf({ ...situation, newestHistory: from(0x3000, 2) });
  assert.equal(plan.ahead[0]?.outcome, 'quarantined');
  const shared = handOffOf({ ...situation, newestHistory: from(0x4800, 2) });
  assert.deepEqual([shared.ahead, stepsOf(shared)], [[], ['advance a']]);
});
