import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { checkPreconditions, type PreconditionFacts } from '@slotcast/domain';
import { met } from './precondition-examples.ts';

function codes(facts: Partial<PreconditionFacts>, service: 'publisher' | 'consumer'): string[] {
  const findings = checkPreconditions({ ...met, ...facts }, service);
  return findings.map(({ stops, outcome, check }) => `${stops ?? outcome} ${check}`);
}

describe('preconditions', { timeout: 5000 }, () => {
  test('that are met give no finding', () => {
    assert.deepEqual(codes({}, 'publisher'), []);
    assert.deepEqual(codes({}, 'consumer'), []);
  });

  test('come the worst first', () => {
    const facts = { maySilenceLog: false, hotStandbyFeedback: false, walLevel: 'replica' };
    assert.deepEqual(codes(facts, 'consumer'), [
      'service wal_level',
      'slots hot_standby_feedback',
      'warning role_log_min_messages',
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
    assert.deepEqual(codes(old, 'consumer'), ['service server_version', 'warning role_log_min_messages']);
    assert.deepEqual(codes({ major: 12 }, 'publisher'), ['service server_version']);
  });

  test('without pg_monitor stop a consumer and only warn a publisher', () => {
    assert.deepEqual(codes({ hasMonitor: false }, 'consumer'), ['service role_pg_monitor']);
    assert.deepEqual(codes({ hasMonitor: false }, 'publisher'), ['warning role_pg_monitor']);
  });

  test('without messages in WAL stop a publisher and only warn a consumer, which may have to act at a promotion', () => {
    assert.deepEqual(codes({ mayEmitMessage: false }, 'publisher'), ['service role_emit_message']);
    assert.deepEqual(codes({ mayEmitMessage: false }, 'consumer'), ['warning role_emit_message']);
  });

  test('with all slots taken block a consumer', () => {
    assert.deepEqual(codes({ usedReplicationSlots: 10 }, 'consumer'), ['slots max_replication_slots']);
  });
});
