import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type Check, checkPreconditions, type ServiceRole } from '@slotcast/domain';
import { readPreconditions } from '@slotcast/postgres';
import { type PostgresMajor, type PostgresServer, type RoleGrant, startPrimary } from '@slotcast/testkit';
import { optionsFor, ROLE, withConnection } from '../connection/open-connections.ts';

const TIMEOUT_MS = 180_000;

function codes(findings: readonly Check[]): string[] {
  return findings.map(({ stops, outcome, check }) => `${stops ?? outcome} ${check}`);
}

async function find(server: PostgresServer, service: ServiceRole, role = ROLE): Promise<readonly Check[]> {
  const options = { url: server.url('postgres', role), applicationName: 'slotcast-test' };
  return await withConnection(options, async (connection) =>
    checkPreconditions(await readPreconditions(connection), service),
  );
}

for (const major of [16, 18] satisfies PostgresMajor[]) {
  describe(`the preconditions on PostgreSQL ${major}`, { timeout: 180_000 }, () => {
    let primary: PostgresServer;
    let standby: PostgresServer;

    before(async () => {
      primary = await startPrimary({ major });
      await primary.createRole(ROLE);
      standby = await primary.addStandby({ name: 'standby' });
    });

    after(() => primary?.[Symbol.asyncDispose]());

    test('are met by the least-privileged role', { timeout: TIMEOUT_MS }, async () => {
      assert.deepEqual(codes(await find(primary, 'publisher')), []);
      assert.deepEqual(codes(await find(standby, 'consumer')), []);
      await withConnection(optionsFor(standby), async (connection) => {
        const facts = await readPreconditions(connection);
        assert.deepEqual(facts, {
          major,
          role: ROLE,
          database: 'postgres',
          hasReplication: true,
          hasMonitor: true,
          mayLogStandbySnapshot: true,
          maySilenceLog: true,
          mayEmitMessage: true,
          inRecovery: true,
          walLevel: 'logical',
          hotStandbyFeedback: true,
          primarySlotName: 'standby',
          maxReplicationSlots: 50,
          usedReplicationSlots: 0,
        });
      });
    });

    const missing = [
      { without: 'replication', service: 'consumer', stops: 'service', check: 'role_replication' },
      { without: 'pg_monitor', service: 'consumer', stops: 'service', check: 'role_pg_monitor' },
      {
        without: 'pg_log_standby_snapshot',
        service: 'publisher',
        stops: 'service',
        check: 'role_standby_snapshot',
      },
      { without: 'log_min_messages', service: 'consumer', stops: 'warning', check: 'role_log_min_messages' },
    ] as const satisfies readonly {
      without: RoleGrant;
      service: ServiceRole;
      stops: string;
      check: string;
    }[];
    for (const { without, service, stops, check } of missing) {
      test(`without ${without} the statement in the message is what fixes it`, {
        timeout: TIMEOUT_MS,
      }, async () => {
        const role = `Without ${without}`;
        await primary.createRole(role, { without: [without] });
        const findings = await find(primary, service, role);
        assert.deepEqual(codes(findings), [`${stops} ${check}`]);
        const statement = /(ALTER ROLE|GRANT) [^;]+;/.exec(findings[0]?.remedy ?? '')?.[0];
        assert.ok(statement);
        await primary.query(statement);
        assert.deepEqual(await find(primary, service, role), []);
      });
    }

    test('name the right to write messages to WAL, with the statement that gives it', {
      timeout: TIMEOUT_MS,
    }, async () => {
      const signature = `pg_logical_emit_message(boolean, text, text${major < 17 ? '' : ', boolean'})`;
      await primary.query(`revoke execute on function ${signature} from public`);
      const findings = await find(primary, 'publisher');
      assert.deepEqual(codes(findings), ['service role_emit_message']);
      await primary.query(/GRANT [^;]+;/.exec(findings[0]?.remedy ?? '')?.[0] ?? '');
      assert.deepEqual(await find(primary, 'publisher'), []);
    });

    test('name the settings of a standby that keep slots from being ready', {
      timeout: TIMEOUT_MS,
    }, async () => {
      await standby.setConfig({ hot_standby_feedback: 'off', primary_slot_name: undefined });
      const expected = ['slots hot_standby_feedback', 'slots primary_slot_name'];
      assert.deepEqual(codes(await find(standby, 'consumer')), expected);
      assert.deepEqual(codes(await find(standby, 'publisher')), []);
    });

    test('name a wal_level that is too low, and a server whose slots are all taken', {
      timeout: TIMEOUT_MS,
    }, async () => {
      await standby.setConfig({
        hot_standby_feedback: 'on',
        primary_slot_name: 'standby',
        max_replication_slots: '1',
      });
      await standby.query(`select pg_create_physical_replication_slot('cascade')`);
      assert.deepEqual(codes(await find(standby, 'consumer')), ['slots max_replication_slots']);
      await primary.stop();
      await primary.setConfig({ wal_level: 'replica' });
      await primary.start();
      assert.deepEqual(codes(await find(primary, 'publisher')), ['service wal_level']);
    });
  });
}

test('PostgreSQL 14 can publish, and has nothing to grant for the log', { timeout: 180_000 }, async () => {
  await using server = await startPrimary({ major: 14 });
  await server.createRole(ROLE);
  assert.deepEqual(codes(await find(server, 'publisher')), []);
  const findings = await find(server, 'consumer');
  assert.deepEqual(codes(findings), ['service server_version', 'warning role_log_min_messages']);
  assert.match(findings[1]?.remedy ?? '', /superuser before PostgreSQL 15/);
});
