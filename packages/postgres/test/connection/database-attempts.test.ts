import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PostgresConnectionError, refusedAttempt } from '@slotcast/postgres';
import { DatabaseError } from 'pg';

function attempt(fields: Partial<DatabaseError>): string {
  const cause = Object.assign(new DatabaseError('not now', 0, 'error'), fields);
  const state = { connecting: true, configuredDatabase: false };
  const answer = refusedAttempt('shop', new PostgresConnectionError('could not connect', cause, state));
  assert.ok('said' in answer);
  assert.match(answer.said, /not now/);
  assert.notEqual(answer.remedy, '');
  return `${answer.outcome} ${answer.sqlState}`;
}

test('a database that lets no session in is gone, unavailable, or closed to the role', {
  timeout: 5000,
}, () => {
  const routine = 'CheckMyDatabase';
  assert.equal(attempt({ code: '42501', routine }), 'refused 42501');
  assert.equal(attempt({ code: '55000', routine }), 'refused 55000');
  assert.equal(attempt({ code: '28000' }), 'refused 28000');
  assert.equal(attempt({ code: '53300' }), 'unavailable 53300');
  assert.equal(attempt({ code: '3D000' }), 'gone 3D000');
});
