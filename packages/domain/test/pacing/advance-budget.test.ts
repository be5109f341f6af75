import assert from 'node:assert/strict';
import { test } from 'node:test';
import { freshBudget, spend, untilAffordable } from '@slotcast/domain';
import fc from 'fast-check';

const duty = 0.25;

test('a short round after a pause may be followed by another one at once', () => {
  const budget = spend(freshBudget, { now: 10_000, spentMs: 3, duty });
  assert.equal(untilAffordable(budget, 10_000), 0);
});

test('a long round is followed by a pause that makes it the allowed share of the time', () => {
  const budget = spend(freshBudget, { now: 10_000, spentMs: 1000, duty });
  const pause = untilAffordable(budget, 10_000);
  assert.ok(pause > 2900 && pause <= 3000, `paused ${pause} ms`);
});

test('rounds that start as soon as they are affordable never take more than their share, but for one burst', () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0.1, max: 500, noNaN: true }), { minLength: 5, maxLength: 50 }),
      (rounds) => {
        let budget = freshBudget;
        let now = 1000;
        let spent = 0;
        for (const spentMs of rounds) {
          now += untilAffordable(budget, now) + spentMs;
          spent += spentMs;
          budget = spend(budget, { now, spentMs, duty });
        }
        const elapsed = now + untilAffordable(budget, now) - 1000;
        assert.ok(spent <= elapsed * duty + 20, `${spent} of ${elapsed} ms`);
      },
    ),
  );
});
