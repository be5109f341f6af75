import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CANARY_PLUGIN, CANARY_SLOT, checkSlotFilter } from '@slotcast/domain';
import { logicalSlot } from '../vocabulary-examples.ts';

const options = { timeout: 5000 };
const slots = [
  logicalSlot('orders'),
  logicalSlot('audit'),
  logicalSlot(CANARY_SLOT, { plugin: CANARY_PLUGIN }),
];

test(
  'a filter that selects none of the slots is a failed check that names it, and the slots',
  options,
  () => {
    const filter = { text: 'ordres', confirmed: false };
    const check = checkSlotFilter(slots, { filter, wanted: ({ name }) => name === CANARY_SLOT });
    assert.equal(check.outcome, 'failed');
    assert.match(check.message, /^SLOTCAST_SLOTS=ordres selects none of .*2: audit, orders/);
    assert.equal(check.remedy, 'SLOTCAST_SLOTS=audit,orders');
    const confirmed = { filter: { ...filter, confirmed: true }, wanted: () => false };
    assert.equal(checkSlotFilter(slots, confirmed).outcome, 'ok');
  },
);

test('a filter is in order when it selects something, or there is nothing to select', options, () => {
  const filter = { text: 'orders', confirmed: false };
  const check = checkSlotFilter(slots, { filter, wanted: ({ name }) => name === 'orders' });
  assert.deepEqual([check.outcome, check.message], ['ok', 'SLOTCAST_SLOTS selects 1 of 2 logical slots']);
  assert.equal(checkSlotFilter([], { filter, wanted: () => false }).outcome, 'ok');
});
