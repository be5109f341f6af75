import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CANARY_SLOT, doubtFilter, type FilterText, type SlotState } from '@slotcast/domain';
import { textOf, whyOf } from '../reason-examples.ts';
import { physicalSlot } from '../vocabulary-examples.ts';
import { live, local, outline, owning, planned, type Situation } from './plan-situations.ts';

const names = ['a', 'b', 'c', 'd', 'e'];

/** A standby with a copy of each slot of the primary, whose filter selects these. */
function filtered(selected: readonly string[], filter: Partial<FilterText> = {}, over: Situation = {}) {
  return planned({
    events: names.map((name) => live(name)),
    owned: Object.fromEntries(names.map((name) => [name, owning()])),
    local: names.map((name) => local(name)),
    ...over,
    policy: {
      wanted: (slot: SlotState) => selected.includes(slot.name),
      filter: { text: selected.join(','), confirmed: false, ...filter },
      ...over.policy,
    },
  });
}

function outlines(plan: ReturnType<typeof filtered>): string[] {
  return plan.verdicts.map(outline);
}

describe('a slot filter', { timeout: 10_000 }, () => {
  test('that selects none of the slots drops no copy, which is followed as before, and says so', () => {
    const plan = filtered([], { text: 'ordres' });
    assert.deepEqual(outlines(plan), ['ready', 'ready', 'ready', 'ready', 'ready']);
    assert.match(textOf(plan.filterDoubt), /^SLOTCAST_SLOTS=ordres selects none of .*5: a, b, c, …/);
    assert.match(textOf(plan.filterDoubt), /SLOTCAST_SLOTS_CONFIRM/);
    assert.ok(plan.verdicts.every((entry) => whyOf(entry) === textOf(plan.filterDoubt)));
  });

  test('that would drop more copies than it keeps has to be confirmed, one that keeps as many has not', () => {
    assert.match(textOf(filtered(['a', 'b']).filterDoubt), /would have 3 copies dropped, and 2 kept/);
    const kept = filtered(['a', 'b', 'c']);
    assert.equal(kept.filterDoubt, undefined);
    assert.deepEqual(outlines(kept), ['ready', 'ready', 'ready', 'absent drop', 'absent drop']);
  });

  test('does what it says once it is confirmed', () => {
    const plan = filtered([], { confirmed: true });
    assert.equal(plan.filterDoubt, undefined);
    assert.deepEqual(new Set(outlines(plan)), new Set(['absent drop']));
  });

  test('in doubt makes no copy that is not here, and drops what is gone on the primary', () => {
    const plan = filtered([], {}, { local: [local('a')], events: [live('a'), live('b')] });
    assert.deepEqual(outlines(plan).slice(0, 2), ['ready', 'absent release']);
    const gone = filtered([], {}, { events: [live('a')] });
    assert.deepEqual(outlines(gone).slice(0, 2), ['ready', 'absent drop']);
  });

  test('that drops nothing by itself may leave out what it likes, but not all', () => {
    const policy = { dropExtraSlots: false };
    assert.equal(filtered(['a'], {}, { policy }).filterDoubt, undefined);
    assert.match(textOf(filtered([], {}, { policy }).filterDoubt), /selects none/);
  });

  test('is beyond doubt where the primary has no logical slot, and does not count slots of slotcast’s own', () => {
    const filter = { text: 'x', confirmed: false };
    assert.equal(doubtFilter({ filter, live: [], wanted: 0, drops: 0, keeps: 0 }), undefined);
    assert.match(textOf(doubtFilter({ filter, live: ['a'], wanted: 0, drops: 0, keeps: 0 })), /1: a\)/);
    const events = [live('slotcast_tmp_1'), live(CANARY_SLOT), { ...live('p'), state: physicalSlot('p') }];
    assert.equal(filtered([], {}, { events, owned: {}, local: [] }).filterDoubt, undefined);
  });
});
