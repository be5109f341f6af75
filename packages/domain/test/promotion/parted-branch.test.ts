import assert from 'node:assert/strict';
import { test } from 'node:test';
import { emptyLine, seenFrom, type TimelineHistory, timeline } from '@slotcast/domain';
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

test('a position of a timeline that has the number of one of this line’s, and began elsewhere, is ahead from where the two parted', () => {
  const history: TimelineHistory = {
    timeline: timeline(3),
    ancestors: [
      { timeline: timeline(1), switchLsn: at(0x2800) },
      { timeline: timeline(2), switchLsn: at(0x5000) },
    ],
  };
  const situation: HandOffSituation = {
    others: [confirmed('a', 0x4000, { timeline: timeline(2) })],
    local: [local('a', { confirmedFlushLsn: at(0x2000) })],
    owned: mine,
    history,
  };
  const plan = handOffOf({ ...situation, newestHistory: from(0x3000, 2) });
  assert.equal(plan.ahead[0]?.outcome, 'quarantined');
  const same = handOffOf({ ...situation, newestHistory: from(0x2800, 2) });
  assert.deepEqual([same.ahead, stepsOf(same)], [[], ['advance a']]);
});

test('a position of a line that goes on from another server’s timeline of the same beginning is ahead from there on: this server began its own itself', () => {
  const situation: HandOffSituation = {
    others: [confirmed('a', 0x6800, { timeline: timeline(3) })],
    local: [local('a', { confirmedFlushLsn: at(0x2000) })],
    owned: mine,
    passes: unfenced,
  };
  const newestHistory: TimelineHistory = {
    timeline: timeline(3),
    ancestors: [
      { timeline: timeline(1), switchLsn: at(0x5000) },
      { timeline: timeline(2), switchLsn: at(0x7000) },
    ],
  };
  const plan = handOffOf({ ...situation, newestHistory });
  assert.equal(plan.ahead[0]?.outcome, 'quarantined');
  assert.equal(plan.advances.length, 0);
});

test('what was published of such a timeline was published elsewhere', () => {
  const [shared, beyond] = [confirmed('a', 0x2000), confirmed('b', 0x4000, { timeline: timeline(2) })];
  const line = {
    ...emptyLine,
    published: new Map([shared, beyond].map((event) => [event.slot, { ...event, lsn: at(0x4000) }])),
    furthest: new Map([[beyond.slot, at(0x4000)]]),
  };
  const first = new Map([[shared.slot, { ...shared, lsn: at(0x2000) }]]);
  const known = { ...line, published: new Map([...line.published, ...first]) };
  assert.equal(seenFrom(known, from(0x3000, 2), from(0x3000, 2)), known);
  const seen = seenFrom(known, from(0x3000, 2), from(0x2800, 2));
  assert.deepEqual([[...seen.published.keys()], [...seen.elsewhere.keys()]], [['a'], ['b']]);
  assert.deepEqual([...seen.furthest.values()], [at(0x2800)]);
  assert.deepEqual(seen.newestHistory, from(0x3000, 2));
});
