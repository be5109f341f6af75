import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { assertHandOff, keptTwoPhase, planHandOff } from '@slotcast/domain';
import { at } from '../event-examples.ts';
import { live, local, owning } from '../following/plan-situations.ts';
import { saying } from '../reason-examples.ts';
import { handOffInput, handOffOf, stepsOf } from './hand-off-situations.ts';

const unfenced = [{ reachedLsn: at(0x6000), clean: false }];

describe('a two_phase copy that was not known to be safe at the promotion', { timeout: 20_000 }, () => {
  test('keeps a two_phase slot of pgoutput that stands where it was made, and whose subscriber may only get a PREPARE twice', () => {
    const made = local('a', { twoPhase: true });
    const event = { ...live('a', { twoPhase: true, confirmedFlushLsn: at(0x3000) }), lsn: at(0x9_0000) };
    const owned = { a: owning({ proven: false }) };
    const used = { ...made, confirmedFlushLsn: at(0x3000) };
    for (const [here, before] of [
      [made, [made]],
      [made, []],
      [made, undefined],
      // Its subscriber came since.
      [used, [made]],
      [used, undefined],
    ] as const) {
      const input = handOffInput({ events: [event], local: [here], before, owned });
      const plan = planHandOff(input);
      assert.deepEqual(assertHandOff(plan, input), []);
      assert.deepEqual(stepsOf(plan), here === made ? ['advance a'] : []);
      assert.deepEqual([plan.creations, plan.lost], [[], []]);
      assert.deepEqual([...keptTwoPhase(input)], [['a', owning()]]);
    }
  });

  test('gives two_phase back to one that is a plain copy still, before it is moved', () => {
    const copied = local('a');
    const event = { ...live('a', { twoPhase: true, confirmedFlushLsn: at(0x3000) }), lsn: at(0x9_0000) };
    const owned = { a: owning({ proven: false }) };
    const used = { ...copied, confirmedFlushLsn: at(0x3000) };
    for (const [here, before] of [
      [copied, [copied]],
      [copied, undefined],
      // Its subscriber came since, as to a slot without two_phase.
      [used, [copied]],
    ] as const) {
      const input = handOffInput({ events: [event], local: [here], before, owned });
      const plan = planHandOff(input);
      assert.deepEqual(assertHandOff(plan, input), []);
      assert.deepEqual(stepsOf(plan), here === copied ? ['two_phase a', 'advance a'] : ['two_phase a']);
      assert.deepEqual([plan.creations, plan.drops, plan.lost], [[], [], []]);
      assert.deepEqual([...keptTwoPhase(input)], [['a', owning()]]);
    }
    const unseen = handOffOf({ events: [event], local: [used], before: undefined, owned });
    assert.deepEqual(stepsOf(unseen), ['drop a'], 'it may be another slot');
  });

  test('leaves a plain copy alone that somebody made since, or that is in the way of another', () => {
    const event = live('a', { twoPhase: true, confirmedFlushLsn: at(0x3000) });
    const owned = { a: owning() };
    const since = local('a', { restartLsn: at(0x5500), confirmedFlushLsn: at(0x5600) });
    for (const before of [[], undefined]) {
      assert.deepEqual(stepsOf(handOffOf({ events: [event], local: [since], before, owned })), []);
    }
    const foreign = handOffOf({ events: [event], local: [local('a')], owned: {} });
    assert.deepEqual(stepsOf(foreign), []);
    const ahead = { ...live('a', { twoPhase: true, confirmedFlushLsn: at(0x5800) }), lsn: at(0x9_0000) };
    const unproven = { a: owning({ proven: false }) };
    const plan = handOffOf({ events: [ahead], local: [local('a')], owned: unproven, passes: unfenced });
    assert.deepEqual(stepsOf(plan), ['quarantine a']);
  });

  test('puts it out of reach like any other when its subscriber is ahead and nothing fences it', () => {
    const made = local('a', { twoPhase: true });
    const event = { ...live('a', { twoPhase: true, confirmedFlushLsn: at(0x5800) }), lsn: at(0x9_0000) };
    const owned = { a: owning({ proven: false }) };
    const plan = handOffOf({ events: [event], local: [made], owned, passes: unfenced });
    assert.deepEqual(stepsOf(plan), ['quarantine a']);
  });

  test('drops a two_phase slot that may skip changes, and reports it as lost', () => {
    const twoPhase = { twoPhase: true };
    const made = local('a', twoPhase);
    const moved = local('a', { ...twoPhase, confirmedFlushLsn: at(0x2800) });
    const event = live('a', { ...twoPhase, confirmedFlushLsn: at(0x3000) });
    const decoding = { plugin: 'test_decoding' };
    const unproven = owning({ proven: false });
    for (const over of [
      // Made under its real name, from wherever the server could.
      {
        local: [local('a', { ...twoPhase, ...decoding })],
        events: [live('a', { ...twoPhase, ...decoding })],
      },
      // Whoever moved it in recovery was not slotcast.
      { local: [moved], before: [moved] },
      { local: [moved], before: [] },
      { owned: { a: owning({ proven: false, highestLsn: undefined }) } },
      // Of another slot, topic or kind.
      { owned: { a: owning({ proven: false, incarnation: { epoch: 1, seq: 7 } }) } },
      { owned: { a: owning({ proven: false, lineage: 'second' }) } },
      { events: [live('a', { confirmedFlushLsn: at(0x3000) })] },
    ]) {
      const told = { a: 'waits for its subscriber' };
      const plan = handOffOf({ events: [event], local: [made], owned: { a: unproven }, told, ...over });
      assert.deepEqual(stepsOf(plan), ['drop a']);
      assert.deepEqual(plan.lost, [{ slot: 'a', reasons: [saying('waits for its subscriber')] }]);
    }
  });
});
