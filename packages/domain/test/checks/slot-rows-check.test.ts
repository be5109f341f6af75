import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkSlotRows } from '@slotcast/domain';
import { saying } from '../reason-examples.ts';

test('a slot whose row cannot be right is a failed check of its own, with the statement that drops it', () => {
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
});
