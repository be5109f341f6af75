import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SlotcastError } from '@slotcast/kernel';
import { explainError } from '@slotcast/node';
import { ConnectionPoolerError, ConnectionSettingsError, PostgresConnectionError } from '@slotcast/postgres';
import { DatabaseError } from 'pg';

const options = { timeout: 5000 };

function refusedWith(fields: Partial<DatabaseError>, configuredDatabase = true): PostgresConnectionError {
  const cause = Object.assign(new DatabaseError('refused', 0, 'error'), fields);
  return new PostgresConnectionError('could not connect', cause, { connecting: true, configuredDatabase });
}

function explained(error: unknown): string {
  const explanation = explainError(error);
  assert.ok(explanation instanceof SlotcastError, String(explanation));
  const { code, exitCode, mayPass } = explanation;
  return `${code} ${exitCode}${mayPass ? ', may pass' : ''}`;
}

test('a refusal that may pass is waited for, and one that stays is not', options, () => {
  assert.equal(explained(refusedWith({ code: '28P01' })), 'SC_POSTGRES_DENIED 78, may pass');
  assert.equal(explained(refusedWith({ code: '28000' })), 'SC_POSTGRES_DENIED 78, may pass');
  assert.equal(explained(refusedWith({ code: '3D000' })), 'SC_POSTGRES_DENIED 78, may pass');
  assert.equal(explained(refusedWith({ code: '42501' })), 'SC_PRIVILEGE_MISSING 78, may pass');
  assert.equal(explained(refusedWith({ code: '42704' })), 'SC_POSTGRES_DENIED 78');
  const noFile = new ConnectionSettingsError([{ variable: undefined, text: 'sslkey cannot be read' }]);
  assert.equal(explained(noFile), 'SC_CONFIG_INVALID 78, may pass');
});

test('a database of slots that is gone is no reason to end', options, () => {
  assert.equal(explained(refusedWith({ code: '3D000' }, false)), 'SC_POSTGRES_UNREACHABLE 1');
});

test('a pooler ends it at once', options, () => {
  const answered = new PostgresConnectionError('could not connect', new ConnectionPoolerError(1, 2));
  const unsupported = refusedWith({ code: '08P01', message: 'unsupported startup parameter: options' });
  for (const error of [answered, unsupported]) {
    assert.equal(explained(error), 'SC_POSTGRES_POOLED 78');
  }
});
