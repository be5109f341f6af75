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

test('a skipped row is a finding, unless the record of this slot says that it may skip rows', () => {
  assert.deepEqual(judgeSlot(fine), []);
  assert.match(
    judgeSlot({ ...fine, missing: [4, 7] }).join(),
    /never got 2 rows \(4 to 7\), and nobody was told/,
  );
  assert.deepEqual(judgeSlot({ ...fine, missing: [4], reported: 'unsafe' }), []);
  for (const reported of ['fenced', 'lost'] as const) {
    assert.match(judgeSlot({ ...fine, missing: [4], reported }).join(), /only that it is/);
  }
});

test('a slot that is gone is a finding, unless its record says that it is out of reach', () => {
  const gone = { ...fine, isInReach: false, isAtPresent: false, missing: [4] };
  assert.match(judgeSlot(gone).join(), /^app1 is out of reach, and nobody was told/);
  for (const reported of ['quarantined', 'lost', 'unsafe'] as const) {
    assert.deepEqual(judgeSlot({ ...gone, reported }), []);
  }
  for (const reported of ['fenced', 'unknown'] as const) {
    assert.match(judgeSlot({ ...gone, reported }).join(), /out of reach, and only that it is/);
  }
  assert.match(judgeSlot({ ...fine, reported: 'quarantined' }).join(), /in reach under its name/);
});

test('a subscriber that does not come to the present is a finding, unless it was told that it may wait', () => {
  assert.match(judgeSlot({ ...fine, isAtPresent: false }).join(), /does not come to the present/);
  assert.match(
    judgeSlot({ ...fine, isAtPresent: false, reported: 'fenced' }).join(),
    /does not come to the present/,
  );
  assert.deepEqual(judgeSlot({ ...fine, isAtPresent: false, reported: 'unsafe' }), []);
});

test('a seed always draws the same history, and all kinds of trouble and of promotions are drawn', () => {
  const plans = Array.from({ length: 200 }, (_, seed) => drawRound(seed, new RandomSource(seed)));
  assert.equal(
    tellRound(drawRound(7, new RandomSource(7))),
    tellRound(plans[7] ?? drawRound(0, new RandomSource(0))),
  );
  const failovers = plans.flatMap((plan) => plan.failovers);
  const kinds = new Set(
    failovers.flatMap(({ troubles }) =>
      troubles.map(({ target, how, backMs }) => `${target} ${how} ${backMs === undefined}`),
    ),
  );
  assert.equal(kinds.size, 20);
  const ways = new Set(
    plans.map((plan) => ['primary', ...plan.failovers.map(({ target }) => target)].join()),
  );
  assert.equal(ways.size, 6);
  const short = Array.from({ length: 40 }, (_, seed) => drawRound(seed, new RandomSource(seed), true));
  assert.ok(short.every((plan) => plan.standbys.length === 1 && plan.failovers.length === 1));
  for (const drawn of [plans, short]) {
    assert.ok(
      drawn.every(({ policy }, index) => policy !== drawn[index + 1]?.policy),
      'both policies, by turns',
    );
    const quarantined = drawn
      .filter(({ policy }) => policy === 'quarantine')
      .flatMap((plan) => plan.failovers);
    const away = quarantined.filter(
      (plan) => plan.cutOffMs !== undefined && plan.subscribersMs !== undefined,
    );
    assert.ok(away.length > quarantined.length / 4, 'subscribers that are ahead, and late');
  }
  assert.ok(
    failovers.every(({ troubles }) => new Set(troubles.map(({ target }) => target)).size === troubles.length),
  );
});
