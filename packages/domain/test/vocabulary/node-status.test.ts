import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ownedLogical, parseSlotName } from '@slotcast/domain';
import { owningPhysical } from '../following/physical-situations.ts';
import { owning } from '../following/plan-situations.ts';

test('what is asked and told of subscribers leaves out physical slots', { timeout: 5000 }, () => {
  const [a, r] = [parseSlotName('a'), parseSlotName('r')];
  const ownership = new Map([
    [a, owning()],
    [r, owningPhysical()],
  ]);
  assert.deepEqual(ownedLogical(ownership), [a]);
});
