import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CANARY_PLUGIN, CANARY_SLOT, checkSlotFilter, checkSlotMoves, checkSlotRows } from '@slotcast/domain';
import { manifest } from '../event-examples.ts';
import { saying } from '../reason-examples.ts';
import { nodeSlotStatus } from '../status/node-examples.ts';
import { logicalSlot } from '../vocabulary-examples.ts';

const options = { timeout: 5000 };
const onPrimary = [
  logicalSlot('orders'),
  logicalSlot('audit'),
  logicalSlot(CANARY_SLOT, { plugin: CANARY_PLUGIN }),
];

test(
  'a slot whose row cannot be right is a failed check of its own, with the statement that drops it',
  options,
  () => {
    const checks = checkSlotRows([{ slot: "o'dd", reason: saying('its restart_lsn is no position') }]);
    assert.deepEqual(
      checks.map(({ outcome, message, remedy }) => [outcome, message, remedy]),
      [
        [
          'failed',
          "slot o'dd is left alone: its restart_lsn is no position",
          "SELECT pg_drop_replication_slot('o''dd');",
        ],
      ],
    );
    assert.deepEqual(
      checkSlotRows([]).map(({ outcome }) => outcome),
      ['ok'],
    );
  },
);

test(
  'a filter that selects none of the slots is a failed check that names it, and the slots',
  options,
  () => {
    const filter = { text: 'ordres', confirmed: false };
    const check = checkSlotFilter(onPrimary, { filter, wanted: ({ name }) => name === CANARY_SLOT });
    assert.equal(check.outcome, 'failed');
    assert.match(check.message, /^SLOTCAST_SLOTS=ordres selects none of .*2: audit, orders/);
    assert.equal(check.remedy, 'SLOTCAST_SLOTS=audit,orders');
    const confirmed = { filter: { ...filter, confirmed: true }, wanted: () => false };
    assert.equal(checkSlotFilter(onPrimary, confirmed).outcome, 'ok');
  },
);

test('a filter is in order when it selects something, or there is nothing to select', options, () => {
  const filter = { text: 'orders', confirmed: false };
  const check = checkSlotFilter(onPrimary, { filter, wanted: ({ name }) => name === 'orders' });
  assert.deepEqual([check.outcome, check.message], ['ok', 'SLOTCAST_SLOTS selects 1 of 2 logical slots']);
  assert.equal(checkSlotFilter([], { filter, wanted: () => false }).outcome, 'ok');
});

const said = 'a walsender session on database shop failed: too many';
const decoding = saying(said);
const nodeSlots = [
  nodeSlotStatus('s1', 'moved'),
  ...['a', 'b', 'c', 'd', 'e', 'f'].map((slot) => nodeSlotStatus('s1', slot, { decoding })),
  nodeSlotStatus('s1', 'odd', { decoding: saying('moving it without decoding failed') }),
  nodeSlotStatus('s2', 'odd', { decoding: saying('moving it without decoding failed') }),
  // As it was a standby.
  nodeSlotStatus('p', 'odd', { decoding: saying('moving it without decoding failed') }),
];
const contents = { nodeSlots, manifest: manifest([], { node: 'p' }) };

function found(node: string, inRecovery: boolean): string[] {
  return checkSlotMoves(contents, { node, inRecovery }).map(
    ({ outcome, message }) => `${outcome}: ${message}`,
  );
}

test('a standby tells which of its slots are advanced by decoding, once for each reason', options, () => {
  assert.deepEqual(found('s1', true), [
    `warning: slots a, b, c, d, e and 1 more on node s1 can only be advanced by decoding: ${said}`,
    'warning: slot odd on node s1 can only be advanced by decoding: moving it without decoding failed',
  ]);
  assert.deepEqual(found('s3', true), ['ok: no slot has to be advanced by decoding']);
});

test('the primary tells that of all standbys, and not of itself when it was one', options, () => {
  assert.equal(found('p', false).length, 3);
  assert.ok(found('p', false).every((text) => !text.includes('node p')));
});
