import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { checkPreconditions, type PreconditionFacts } from '@slotcast/postgres';
import { met } from './precondition-examples.ts';

function codes(facts: Partial<PreconditionFacts>, service: 'publisher' | 'consumer'): string[] {
  const findings = checkPreconditions({ ...met, ...facts }, service);
  return findings.map((finding) => `${finding.severity} ${finding.code}`);
}

describe('preconditions', { timeout: 5000 }, () => {
  test('that are met give no finding', () => {
    assert.deepEqual(codes({}, 'publisher'), []);
    assert.deepEqual(codes({}, 'consumer'), []);
  });

  test('come the worst first', () => {
    const facts = { maySilenceLog: false, hotStandbyFeedback: false, walLevel: 'replica' };
    assert.deepEqual(codes(facts, 'consumer'), [
      'fatal wal_level',
      'blocked hot_standby_feedback',
      'warning log_min_messages',
    ]);
  });

  test('of a standby do not matter to a consumer that sleeps on a primary', () => {
    const facts = {
      inRecovery: false,
      hotStandbyFeedback: false,
      primarySlotName: undefined,
      usedReplicationSlots: 10,
    };
    assert.deepEqual(codes(facts, 'consumer'), []);
  });

  test('on an old server leave the publisher working and the consumer not', () => {
    const old = { major: 13, mayLogStandbySnapshot: false, maySilenceLog: false };
    assert.deepEqual(codes(old, 'publisher'), []);
    assert.deepEqual(codes(old, 'consumer'), ['fatal server_unsupported', 'warning log_min_messages']);
    assert.deepEqual(codes({ major: 12 }, 'publisher'), ['fatal server_unsupported']);
  });

  test('without pg_monitor stop a consumer and only warn a publisher', () => {
    assert.deepEqual(codes({ hasMonitor: false }, 'consumer'), ['fatal pg_monitor_missing']);
    assert.deepEqual(codes({ hasMonitor: false }, 'publisher'), ['warning pg_monitor_missing']);
  });

  test('with all slots taken block a consumer', () => {
    assert.deepEqual(codes({ usedReplicationSlots: 10 }, 'consumer'), ['blocked replication_slots_full']);
  });
});
