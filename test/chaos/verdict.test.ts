import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RandomSource } from '../support/random-source.ts';
import { drawRound, tellRound } from './round-plan.ts';
import { judgeSlot, type SlotOutcome } from './verdict.ts';

const fine: SlotOutcome = {
  slot: 'app1',
  missing: [],
  isInReach: true,
  isAtPresent: true,
  reported: undefined,
  lastError: '',
};

test('a skipped row is a finding when nobody was told and its slot is in reach', () => {
  assert.deepEqual(judgeSlot(fine), []);
  assert.match(judgeSlot({ ...fine, missing: [4, 7] }).join(), /never got 2 rows \(4 to 7\)/);
  assert.deepEqual(judgeSlot({ ...fine, missing: [4], reported: 'unsafe' }), []);
});

test('a slot that is gone, and a subscriber that does not come to the present, are findings when nobody was told', () => {
  const gone = { ...fine, isInReach: false, isAtPresent: false, missing: [4] };
  assert.match(judgeSlot(gone).join(), /^app1 is out of reach, and nobody was told/);
  assert.deepEqual(judgeSlot({ ...gone, reported: 'quarantined' }), []);
  assert.match(judgeSlot({ ...fine, isAtPresent: false }).join(), /does not come to the present/);
});

test('a seed always draws the same history, and all kinds of trouble are drawn', () => {
  const plans = Array.from({ length: 200 }, (_, seed) => drawRound(seed, new RandomSource(seed)));
  assert.equal(
    tellRound(drawRound(7, new RandomSource(7))),
    tellRound(plans[7] ?? drawRound(0, new RandomSource(0))),
  );
  const kinds = new Set(
    plans.flatMap(({ troubles }) => troubles.map(({ target, how }) => `${target} ${how}`)),
  );
  assert.equal(kinds.size, 8);
  assert.ok(
    plans.every(({ troubles }) => new Set(troubles.map(({ target }) => target)).size === troubles.length),
  );
});
