import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  CANARY_SLOT,
  type HandOffPlan,
  parseSlotName,
  type TimelineHistory,
  timeline,
} from '@slotcast/domain';
import { at } from '../event-examples.ts';
import { live, local, mine, owning } from '../following/plan-situations.ts';
import { saying, whyOf } from '../reason-examples.ts';
import { physicalSlot, shop } from '../vocabulary-examples.ts';
import {
  confirmed,
  dropped,
  type HandOffSituation,
  handOffOf,
  SWITCH,
  stepsOf,
} from './hand-off-situations.ts';
import { placeholder } from './promoted-model.ts';

const unfenced = [{ reachedLsn: at(0x6000), clean: false }];
const advance = { slot: 'a', database: shop, plugin: 'pgoutput', target: at(0x3000) };

describe('the hand-off of a slot', { timeout: 20_000 }, () => {
  test('advances it to where its subscriber had confirmed', () => {
    const plan = handOffOf({ events: [confirmed('a', 0x3000)], local: [local('a')], owned: mine });
    assert.deepEqual(plan.advances, [{ ...advance, mayWait: false }]);
    assert.deepEqual([plan.ahead, plan.lost, stepsOf(plan)], [[], [], ['advance a']]);
  });

  test('leaves it alone and tells of it when its row cannot be right', () => {
    const why = saying('its confirmed_flush_lsn is no position');
    const unreadable = [{ slot: 'a', reason: why }];
    const events = [confirmed('a', 0x3000), confirmed('b', 0x5800)];
    const owned = { a: owning(), b: owning() };
    const plan = handOffOf({ events, local: [local('b')], unreadable, owned });
    assert.deepEqual([plan.lost, stepsOf(plan)], [[{ slot: 'a', reasons: [why] }], ['advance b']]);
  });

  test('advances one with failover by itself, as the server may hold it up', () => {
    const here = [local('a', { failover: true })];
    const plan = handOffOf({ events: [confirmed('a', 0x3000)], local: here, owned: mine });
    assert.deepEqual(plan.advances, [{ ...advance, mayWait: true }]);
  });

  test('sets failover again, first of the slots that nobody uses', () => {
    const events = ['a', 'b'].map((name) => live(name, { failover: true }));
    const here = [local('a', { active: true }), local('b', { active: false })];
    const plan = handOffOf({ events, local: here, owned: { a: owning(), b: owning() } });
    assert.deepEqual(
      plan.failovers.map(({ slot }) => slot),
      ['b', 'a'],
    );
  });

  test('copies one that got lost while it was made anew from the leading slot, and advances it from there', () => {
    const events = [confirmed('a', 0x3000)];
    const owned = { a: owning({ remaking: true, highestLsn: at(0x3000) }) };
    const leader = local('slotcast_leader_1', { confirmedFlushLsn: at(0x2800), plugin: 'test_decoding' });
    const plan = handOffOf({ events, owned, leaders: [leader] });
    assert.deepEqual(plan.restores, [
      { slot: 'a', leader: 'slotcast_leader_1', database: shop, plugin: 'pgoutput' },
    ]);
    assert.deepEqual([stepsOf(plan), plan.lost], [['advance a'], []]);
    assert.equal(plan.advances[0]?.target, 0x3000n);
    const failover = [confirmed('a', 0x3000, live('a', { failover: true, confirmedFlushLsn: at(0x3000) }))];
    assert.equal(handOffOf({ events: failover, owned, leaders: [leader] }).failovers[0]?.slot, 'a');
  });

  test('copies nothing that could skip a change, was renamed before, or was not to be made anew', () => {
    const events = [confirmed('a', 0x3000)];
    const remaking = owning({ remaking: true, highestLsn: at(0x3000) });
    const leader = local('slotcast_leader_1', { confirmedFlushLsn: at(0x2800) });
    const renamed = local('a_diverged', { confirmedFlushLsn: at(0x2800) });
    for (const situation of [
      { owned: { a: remaking }, leaders: [{ ...leader, confirmedFlushLsn: at(0x3001) }] },
      {
        owned: { a: owning({ ...remaking, highestLsn: at(0x9000) }) },
        leaders: [{ ...leader, confirmedFlushLsn: at(0x5001) }],
      },
      { owned: { a: remaking }, leaders: [{ ...leader, database: 'hr', databaseOid: 16_385 }] },
      { owned: { a: remaking }, leaders: [leader], local: [renamed] },
      { owned: { a: owning({ highestLsn: at(0x3000) }) }, leaders: [leader] },
      { owned: { a: owning({ ...remaking, lineage: 'another' }) }, leaders: [leader] },
    ]) {
      const plan = handOffOf({ events, ...situation });
      assert.deepEqual(
        [plan.restores, stepsOf(plan), plan.lost.length],
        [[], [], 1],
        JSON.stringify(Object.keys(situation)),
      );
    }
    const here = { events, owned: { a: remaking }, leaders: [leader], local: [local('a')] };
    assert.deepEqual(handOffOf(here).restores, []);
  });

  test('ends its making when it was not proven yet', () => {
    const plan = handOffOf({
      events: [confirmed('a', 0x3000)],
      owned: { a: owning({ proven: false }), b: owning() },
    });
    assert.deepEqual([plan.creations, plan.drops], [['a'], []]);
  });

  test('never advances it past the point where the timeline was left', () => {
    const plan = handOffOf({ events: [confirmed('a', 0x5800)], local: [local('a')], owned: mine });
    assert.equal(plan.advances[0]?.target, SWITCH);
  });

  test('leaves the canary alone, however far it was ahead or whether it is here, but not a slot that only has its name', () => {
    const events = [confirmed(CANARY_SLOT, 0x5800)];
    const owned = { [CANARY_SLOT]: owning() };
    for (const here of [[], [local(CANARY_SLOT)]]) {
      const plan = handOffOf({ events, local: here, owned, passes: unfenced });
      assert.deepEqual([stepsOf(plan), plan.ahead, plan.lost], [[], [], []]);
    }
    const foreign = live(
      CANARY_SLOT,
      { plugin: 'wal2json', confirmedFlushLsn: at(0x5800) },
      { lsn: at(0x9_0000) },
    );
    assert.equal(handOffOf({ events: [foreign] }).lost.length, 1);
  });

  test('never moves it backwards', () => {
    const here = local('a', { confirmedFlushLsn: at(0x3000) });
    const owned = { a: owning({ highestLsn: at(0x3000) }) };
    assert.deepEqual(stepsOf(handOffOf({ events: [confirmed('a', 0x2800)], local: [here], owned })), []);
    assert.deepEqual(stepsOf(handOffOf({ events: [confirmed('a', 0x3000)], local: [here], owned })), []);
  });

  test('does not move it to a position that its server never had', () => {
    const odd = confirmed('a', 0x5800, { lsn: at(0x4000) });
    const plan = handOffOf({ events: [odd], local: [local('a')], owned: mine });
    assert.deepEqual([stepsOf(plan), plan.ahead], [[], []]);
  });

  test('sets failover again where the primary had it, on owned slots that do not have it', () => {
    const events = ['a', 'b', 'c'].map((name) => live(name, { failover: name !== 'c' }));
    const here = [local('a'), local('b', { failover: true }), local('c')];
    const owned = { a: owning(), b: owning(), c: owning() };
    assert.deepEqual(handOffOf({ events, local: here, owned }).failovers, [{ slot: 'a', database: shop }]);
  });

  test('leaves physical slots, temporary ones and those of slotcast itself alone', () => {
    const events = [confirmed('slotcast_tmp_1', 0x5800), dropped('b')];
    const here = [local('slotcast_tmp_1', { temporary: true }), local('b')];
    const plan = handOffOf({ events, local: here, owned: { b: owning(), slotcast_tmp_1: owning() } });
    assert.deepEqual([stepsOf(plan), plan.lost, plan.ahead], [[], [], []]);
  });
});

describe('a subscriber that is ahead of the promoted server', { timeout: 20_000 }, () => {
  const ahead = { events: [confirmed('a', 0x5800)], local: [local('a')], owned: mine };

  test('keeps its slot when the fence is past it', () => {
    const plan = handOffOf(ahead);
    assert.deepEqual(plan.ahead, [{ slot: 'a', confirmedFlushLsn: 0x5800n, outcome: 'fenced' }]);
    assert.deepEqual(stepsOf(plan), ['advance a']);
  });

  test('loses its slot to quarantine when the fence came too late, does not reach it, or is not wanted', () => {
    const copy = {
      slot: 'a',
      copy: 'a_diverged',
      database: shop,
      plugin: 'pgoutput',
      reason: 'its subscriber has confirmed WAL that this server never had',
      seen: local('a'),
      isCopyOurs: true,
    };
    for (const over of [
      { passes: unfenced },
      { passes: [] },
      { events: [confirmed('a', 0x6001)] },
      { onDivergence: 'quarantine' as const },
    ]) {
      const plan = handOffOf({ ...ahead, ...over });
      assert.deepEqual(plan.quarantines, [copy]);
      assert.deepEqual(stepsOf(plan), ['quarantine a']);
      assert.deepEqual(plan.lost, []);
      assert.equal(plan.ahead[0]?.outcome, 'quarantined');
    }
  });

  test('is reported as unsafe when its slot is in use on the new timeline, or was made there', () => {
    const here = [local('a', { restartLsn: at(0x6100), confirmedFlushLsn: at(0x6200) })];
    const plan = handOffOf({ ...ahead, local: here, passes: unfenced });
    assert.deepEqual([stepsOf(plan), plan.ahead[0]?.outcome, plan.lost], [[], 'unsafe', []]);
  });

  test("is reported as unsafe when its slot is not slotcast's to rename", () => {
    const plan = handOffOf({ ...ahead, owned: {}, passes: unfenced });
    assert.deepEqual([stepsOf(plan), plan.ahead[0]?.outcome], [[], 'unsafe']);
  });

  test('is not ahead at the very point where the timeline was left', () => {
    const plan = handOffOf({ ...ahead, events: [confirmed('a', 0x5000)], passes: unfenced });
    assert.deepEqual([stepsOf(plan), plan.ahead], [['advance a'], []]);
  });
});

describe('a subscriber that another branch has served', { timeout: 20_000 }, () => {
  /** Timeline 1 was left at 0/3000, timeline 2 at 0/5000. */
  const history: TimelineHistory = {
    timeline: timeline(3),
    ancestors: [
      { timeline: timeline(1), switchLsn: at(0x3000) },
      { timeline: timeline(2), switchLsn: SWITCH },
    ],
  };
  /** The newest event of the slot: of timeline 1, beyond the point where it was left. */
  const served = (position: number): HandOffSituation => ({
    others: [confirmed('a', position)],
    local: [local('a', { confirmedFlushLsn: at(0x2000) })],
    owned: mine,
    history,
  });

  const fenced = (position: number, fence: number): HandOffPlan =>
    handOffOf({ ...served(position), earlierFences: new Map([[timeline(2), at(fence)]]) });

  test('loses its slot when nothing shows that timeline 2 was fenced', () => {
    const plan = handOffOf(served(0x4000));
    assert.deepEqual(plan.ahead, [{ slot: 'a', confirmedFlushLsn: 0x4000n, outcome: 'quarantined' }]);
    assert.deepEqual(stepsOf(plan), ['quarantine a']);
  });

  test('keeps it where timeline 2 was fenced, and timeline 3 too if it began before', () => {
    assert.equal(fenced(0x4000, 0x4000).ahead[0]?.outcome, 'fenced');
    assert.equal(fenced(0x4000, 0x3fff).ahead[0]?.outcome, 'quarantined');
    assert.equal(fenced(0x5800, 0x5800).ahead[0]?.outcome, 'fenced');
    assert.equal(fenced(0x6001, 0x7000).ahead[0]?.outcome, 'quarantined');
    assert.deepEqual(fenced(0x4000, 0x4000).advances[0]?.target, at(0x3000));
  });

  test('is not ahead by what both branches share', () => {
    const plan = handOffOf({ ...served(0x3000), others: [confirmed('a', 0x3000)] });
    assert.deepEqual([plan.ahead, stepsOf(plan)], [[], ['advance a']]);
  });

  test('counts besides what was published on this line', () => {
    const plan = handOffOf({
      ...served(0x4000),
      events: [confirmed('a', 0x2800, { timeline: timeline(2) })],
    });
    assert.equal(plan.ahead[0]?.outcome, 'quarantined');
  });
});

describe('a quarantine that was begun', { timeout: 20_000 }, () => {
  const begun: HandOffSituation = {
    events: [confirmed('a', 0x5800)],
    owned: mine,
    onDivergence: 'quarantine',
    before: [local('a')],
  };
  const told = [{ slot: 'a', confirmedFlushLsn: at(0x5800), outcome: 'quarantined' }];
  const renamed = local('a_diverged');

  test('is finished where the name is free, with the placeholder alone', () => {
    const plan = handOffOf({ ...begun, local: [renamed] });
    assert.deepEqual([stepsOf(plan), plan.ahead], [['placeholder a'], told]);
  });

  test('is done where the placeholder stands, with or without a copy', () => {
    for (const slots of [[renamed, placeholder('a')], [placeholder('a')]]) {
      const plan = handOffOf({ ...begun, local: slots });
      assert.deepEqual([stepsOf(plan), plan.ahead, plan.lost], [[], told, []]);
    }
  });

  test('is tried again after the name could not be taken, where there is no copy', () => {
    const start = { timeline: timeline(2), switchLsn: at(0x5000) };
    const unsafe = { slot: parseSlotName('a'), confirmedFlushLsn: at(0x5800), outcome: 'unsafe' } as const;
    const earlier = { ...start, ahead: [unsafe], lost: [], time: 0 };
    const plan = handOffOf({ ...begun, earlier });
    assert.deepEqual([stepsOf(plan), plan.ahead], [['placeholder a'], told]);
  });

  test('leaves alone what somebody made under the name meanwhile, and tells that it is unsafe', () => {
    const anew = local('a', { restartLsn: at(0x7000), confirmedFlushLsn: at(0x7000) });
    const plan = handOffOf({ ...begun, local: [renamed, anew] });
    assert.deepEqual([stepsOf(plan), plan.ahead[0]?.outcome], [[], 'unsafe']);
  });
});

describe('a slot that is not here after a promotion', { timeout: 20_000 }, () => {
  test('is reported as lost, with the reason that the consumer gave last', () => {
    const events = [confirmed('a', 0x3000), confirmed('b', 0x3000)];
    const { lost } = handOffOf({ events, told: { a: 'blocked by a setting', b: '' } });
    assert.deepEqual(lost[0], { slot: 'a', reasons: [saying('blocked by a setting')] });
    assert.match(whyOf(lost[1]), /no slot of that name was here.*0\/90000/);
  });

  test('is lost as well when what stands under its name is of no use', () => {
    const useless = [
      local('a', { walStatus: 'lost' }),
      local('a', { temporary: true }),
      { ...physicalSlot('a'), temporary: false },
    ];
    for (const here of useless) {
      const plan = handOffOf({ events: [confirmed('a', 0x3000)], local: [here], owned: mine });
      assert.deepEqual([stepsOf(plan), plan.lost.map(({ slot }) => slot)], [[], ['a']]);
    }
  });

  test('is not lost when nobody wanted it here, or when it was invalidated or dropped on the primary', () => {
    assert.deepEqual(handOffOf({ events: [confirmed('a', 0x3000)], wanted: () => false }).lost, []);
    assert.deepEqual(handOffOf({ events: [live('a', { walStatus: 'lost' }), dropped('b')] }).lost, []);
  });
});

describe('a slot that did not stand where slotcast put it before the promotion', { timeout: 20_000 }, () => {
  const events = [confirmed('a', 0x2800)];
  const owned = { a: owning({ highestLsn: at(0x2800) }) };
  const stray = local('a', { confirmedFlushLsn: at(0x3000) });

  test('is renamed, and reported as lost with its position and the published one', () => {
    const plan = handOffOf({ events, local: [stray], owned });
    assert.deepEqual([stepsOf(plan), plan.ahead], [['quarantine a'], []]);
    assert.match(whyOf(plan.lost[0]), /at 0\/3000 here.* 0\/2800: somebody.* kept as a_diverged/);
  });

  test('is reported in the same words when it was renamed already', () => {
    const renamed = [local('a_diverged', { confirmedFlushLsn: at(0x3000) })];
    const again = handOffOf({ events, local: renamed, before: [stray], owned });
    const late = handOffOf({ events, local: renamed, before: undefined, owned });
    const { lost } = handOffOf({ events, local: [stray], owned });
    assert.deepEqual(
      [again.lost, late.lost, stepsOf(again), stepsOf(late)],
      [lost, lost, ['placeholder a'], ['placeholder a']],
    );
  });

  test('has a copy of an attempt that broke off where nobody knew a slot of that name', () => {
    const copy = local('a_diverged', { confirmedFlushLsn: at(0x2000) });
    const oursOf = (situation: Partial<Parameters<typeof handOffOf>[0]>): boolean | undefined =>
      handOffOf({ events, local: [stray, copy], before: [stray], owned, ...situation }).quarantines[0]
        ?.isCopyOurs;
    assert.equal(oursOf({}), true);
    assert.equal(oursOf({ before: [stray, copy] }), false);
    assert.equal(oursOf({ owned: { ...owned, a_diverged: owning() } }), false);
  });

  test('is reported with the name that its copy got, where something else had the usual one', () => {
    const copy = local('a_diverged_again', { confirmedFlushLsn: at(0x3000) });
    const here = [local('a_diverged', { confirmedFlushLsn: at(0x1000) }), copy];
    const plan = handOffOf({ events, local: here, before: [stray], owned });
    assert.match(whyOf(plan.lost[0]), /kept as a_diverged_again/);
    assert.deepEqual(stepsOf(plan), ['placeholder a']);
  });

  test('is sound when a published position that came late covers it, or one on record', () => {
    const furthest = new Map([[parseSlotName('a'), at(0x3000)]]);
    assert.deepEqual(handOffOf({ events, local: [stray], owned, furthest }).lost, []);
    const recorded = { a: owning({ highestLsn: at(0x3000) }) };
    assert.deepEqual(handOffOf({ events, local: [stray], owned: recorded }).lost, []);
  });

  test('is not one that its subscriber moved after the promotion', () => {
    const before = [local('a', { confirmedFlushLsn: at(0x2800) })];
    const plan = handOffOf({ events, local: [stray], before, owned });
    assert.deepEqual([stepsOf(plan), plan.lost], [[], []]);
  });

  test('is reported and left alone when its subscriber has come for it, when nobody looked before, or when nothing was recorded', () => {
    const used = local('a', { confirmedFlushLsn: at(0x6100) });
    const unrecorded = { a: owning({ highestLsn: undefined }) };
    for (const situation of [
      { events, local: [used], before: [stray], owned },
      { events, local: [stray], before: undefined, owned },
      { events, local: [stray], owned: unrecorded },
    ]) {
      const plan = handOffOf(situation);
      assert.deepEqual(stepsOf(plan), []);
      assert.match(whyOf(plan.lost[0]), /left as it is/);
    }
    assert.deepEqual(handOffOf({ events, local: [used], before: undefined, owned }).lost, []);
  });
});
