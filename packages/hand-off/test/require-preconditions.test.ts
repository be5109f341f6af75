import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CheckName, failed, warning } from '@slotcast/domain';
import { requirePreconditions } from '@slotcast/hand-off';
import { type Logger, SlotcastError } from '@slotcast/kernel';

function silent(warned: object[]): Logger {
  const logger: Logger = {
    trace() {},
    debug() {},
    info() {},
    warn(fields: object | string) {
      assert.ok(typeof fields === 'object');
      warned.push(fields);
    },
    error() {},
    fatal() {},
    child: () => logger,
    isLevelEnabled: () => true,
    flush() {},
  };
  return logger;
}

function refusal(check: CheckName): string {
  const unmet = { ...failed(check, 'is not met', 'do this'), stops: 'service' as const };
  try {
    requirePreconditions([unmet], silent([]));
  } catch (error) {
    assert.ok(error instanceof SlotcastError);
    assert.match(error.message, /is not met: do this/);
    return `${error.code} ${error.exitCode}${error.mayPass ? ', may pass' : ''}`;
  }
  return 'taken';
}

test('a precondition that stops the service may pass when a standby gets it by replay', {
  timeout: 5000,
}, () => {
  assert.equal(refusal('role_replication'), 'SC_PRIVILEGE_MISSING 78, may pass');
  assert.equal(refusal('role_pg_monitor'), 'SC_PRIVILEGE_MISSING 78, may pass');
  assert.equal(refusal('wal_level'), 'SC_WAL_LEVEL 78');
  assert.equal(refusal('server_version'), 'SC_SERVER_UNSUPPORTED 78');
});

test('of what stops the slots alone, or nothing, a service only warns', { timeout: 5000 }, () => {
  const warned: object[] = [];
  requirePreconditions(
    [
      { ...failed('hot_standby_feedback', 'it is off', 'set it on'), stops: 'slots' },
      warning('role_log_min_messages', 'it is loud', 'grant it'),
    ],
    silent(warned),
  );
  assert.deepEqual(warned, [
    { check: 'hot_standby_feedback', detail: 'it is off: set it on' },
    { check: 'role_log_min_messages', detail: 'it is loud: grant it' },
  ]);
});
