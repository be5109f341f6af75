import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  type Check,
  checkDatabases,
  checkServerExtras,
  checkServerPreconditions,
  checkStreaming,
  type DatabaseAttempt,
  type LogicalSlotState,
  lsn,
  type PhysicalSlotState,
  type PreconditionFacts,
  parseSlotName,
} from '@slotcast/domain';
import { met } from './precondition-examples.ts';

const server = {
  maySwitchWal: true,
  syncReplicationSlots: false,
  synchronizedStandbySlots: '',
};

function slot(name: string, over: Partial<LogicalSlotState> = {}): LogicalSlotState {
  return {
    name: parseSlotName(name),
    type: 'logical',
    plugin: 'pgoutput',
    database: 'shop',
    databaseOid: 16_384,
    twoPhase: false,
    failover: false,
    synced: false,
    confirmedFlushLsn: lsn(1n),
    active: true,
    ...over,
  };
}

const physical: PhysicalSlotState = { name: parseSlotName('s1'), type: 'physical', active: true };

function bad(checks: readonly Check[]): string[] {
  return checks.filter(({ outcome }) => outcome !== 'ok').map(({ outcome, check }) => `${outcome} ${check}`);
}

function judge(facts: Partial<PreconditionFacts>): string[] {
  return bad(checkServerPreconditions({ ...met, ...facts }, 'db1'));
}

describe('the preconditions of a server in both roles', { timeout: 5000 }, () => {
  test('that are met are all named', () => {
    const checks = checkServerPreconditions(met, 'db1');
    assert.deepEqual(bad(checks), []);
    assert.equal(checks.length, 9);
    assert.deepEqual(bad(checkServerPreconditions({ ...met, inRecovery: false }, 'db1')), []);
  });

  test('of the stricter service count', () => {
    assert.deepEqual(judge({ hasMonitor: false }), ['failed role_pg_monitor']);
    assert.deepEqual(judge({ mayLogStandbySnapshot: false }), ['failed role_standby_snapshot']);
    assert.deepEqual(judge({ mayEmitMessage: false }), ['failed role_emit_message']);
    assert.deepEqual(judge({ maySilenceLog: false }), ['warning role_log_min_messages']);
    assert.deepEqual(judge({ walLevel: 'replica', inRecovery: false }), ['failed wal_level']);
  });

  test('of a standby fail on a standby, and feedback that is off warns on a primary', () => {
    const off = { hotStandbyFeedback: false, primarySlotName: undefined };
    assert.deepEqual(judge(off), ['failed hot_standby_feedback', 'failed primary_slot_name']);
    assert.deepEqual(judge({ ...off, inRecovery: false }), ['warning hot_standby_feedback']);
  });

  test('name the physical slot after the node', () => {
    const checks = checkServerPreconditions({ ...met, primarySlotName: undefined }, 'DB-2');
    const remedy = checks.find(({ check }) => check === 'primary_slot_name')?.remedy;
    assert.match(remedy ?? '', /slot\('db_2', true\);.*primary_slot_name = 'db_2';/);
  });

  test('ask for a version that slotcast was tested with', () => {
    assert.deepEqual(judge({ major: 15 }), ['failed server_version']);
    assert.deepEqual(judge({ major: 16 }), []);
    assert.deepEqual(judge({ major: 19 }), ['warning server_version']);
  });
});

describe('what a server offers besides', { timeout: 5000 }, () => {
  const primary = { ...met, inRecovery: false };

  test('is pg_switch_wal(), whose grant is only advised', () => {
    const [check] = checkServerExtras(met, { ...server, maySwitchWal: false }, []);
    assert.equal(check?.outcome, 'info');
    assert.match(check?.remedy ?? '', /GRANT EXECUTE ON FUNCTION pg_switch_wal\(\) TO slotcast;$/);
  });

  test('is a list of standbys that consumers of failover slots wait for', () => {
    const slots = [slot('app', { failover: true }), physical];
    const [, check] = checkServerExtras(primary, server, slots);
    assert.equal(check?.outcome, 'info');
    assert.equal(
      check?.remedy,
      "ALTER SYSTEM SET synchronized_standby_slots = 's1'; SELECT pg_reload_conf();",
    );
    const waiting = { ...server, synchronizedStandbySlots: 's1' };
    assert.deepEqual(bad(checkServerExtras(primary, waiting, slots)), []);
    assert.deepEqual(bad(checkServerExtras(primary, server, [slot('app')])), []);
  });

  test('is slot synchronisation of its own, from PostgreSQL 17 on', () => {
    const syncing = { ...server, syncReplicationSlots: true };
    assert.deepEqual(bad(checkServerExtras(met, syncing, [])), ['info slot_synchronisation']);
    assert.equal(checkServerExtras({ ...met, major: 16 }, server, []).length, 1);
  });
});

describe('the stream of a standby', { timeout: 5000 }, () => {
  const receiver = {
    status: 'streaming',
    senderHost: 'db1',
    senderPort: 5432,
    slotName: 'db2',
  };

  test('comes through the slot that is configured', () => {
    assert.equal(checkStreaming('db2', receiver).outcome, 'ok');
    const loose = checkStreaming('db2', { ...receiver, slotName: undefined });
    assert.equal(loose.outcome, 'failed');
    assert.match(loose.message, /from db1:5432 without a slot, although primary_slot_name is db2/);
  });

  test('that is not there may lack its slot upstream', () => {
    for (const seen of [undefined, { ...receiver, status: 'waiting' }]) {
      const check = checkStreaming('db2', seen);
      assert.equal(check.outcome, 'failed');
      assert.match(check.remedy, /pg_create_physical_replication_slot\('db2', true\)/);
    }
  });
});

function refused(outcome: 'gone' | 'unavailable' | 'refused', sqlState: string | undefined): DatabaseAttempt {
  return { database: 'My Shop', outcome, said: 'no', remedy: 'see the log', sqlState };
}

function judged(attempt: DatabaseAttempt): string {
  return checkDatabases([attempt, { database: 'open', outcome: 'connected' }], 'slotcast')
    .map(({ outcome, remedy }) => `${outcome}: ${remedy}`)
    .join();
}

test('a database that does not let the role in tells how it would, and one that is away only warns', {
  timeout: 5000,
}, () => {
  assert.equal(
    judged(refused('refused', '42501')),
    'failed: /* on the primary */ GRANT CONNECT ON DATABASE "My Shop" TO slotcast;',
  );
  assert.equal(
    judged(refused('refused', '55000')),
    'failed: /* on the primary */ ALTER DATABASE "My Shop" ALLOW_CONNECTIONS true;',
  );
  assert.match(judged(refused('refused', '28000')), /^failed: .*pg_hba\.conf: host {2}"My Shop" {2}slotcast/);
  assert.equal(judged(refused('refused', 'XX000')), 'failed: see the log');
  assert.equal(judged(refused('unavailable', '53300')), 'warning: see the log');
  assert.equal(judged(refused('gone', '3D000')), 'warning: see the log');
  assert.match(judged({ database: 'My Shop', outcome: 'not_tried' }), /^warning: /);
  assert.match(judged({ database: 'shop', outcome: 'connected' }), /^ok: /);
});
