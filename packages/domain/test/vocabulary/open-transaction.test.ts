import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeOpenTransaction, waitsForTransactions } from '@slotcast/domain';

const since = Date.parse('2026-01-31T12:00:00.123Z');

test('an open transaction is told with what is needed to end it', () => {
  assert.equal(
    describeOpenTransaction({ xid: 4711, pid: 12, since }),
    '4711, open since 2026-01-31T12:00:00.123Z in process 12',
  );
  assert.equal(
    describeOpenTransaction({ xid: 4711, gid: 'held', since }),
    "4711, prepared at 2026-01-31T12:00:00.123Z as 'held'",
  );
  assert.equal(describeOpenTransaction({ xid: 4711, pid: 12 }), '4711, open in process 12');
});

test('what is waited for is told without a transaction, too', () => {
  assert.match(waitsForTransactions(undefined), /must end first$/);
  assert.match(
    waitsForTransactions({ xid: 4711, pid: 12 }),
    /must end first, the oldest is 4711, open in process 12$/,
  );
});
