import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { checkDatabases } from '@slotcast/domain';
import { readServerFacts, readServerIdentity, readWalSenders, tryDatabases } from '@slotcast/postgres';
import { type PostgresMajor, type PostgresServer, startPrimary, waitUntil } from '@slotcast/testkit';
import { optionsFor, ROLE, withConnection } from '../connection/open-connections.ts';

const TIMEOUT_MS = 180_000;

for (const major of [16, 18] satisfies PostgresMajor[]) {
  describe(`the facts of a server of PostgreSQL ${major}`, { timeout: 180_000 }, () => {
    let primary: PostgresServer;
    let standby: PostgresServer;

    before(async () => {
      primary = await startPrimary({ major });
      await primary.createRole(ROLE);
      standby = await primary.addStandby({ name: 's1' });
    });

    after(() => primary?.[Symbol.asyncDispose]());

    test('hold its clock, its room, and what the role may do', { timeout: TIMEOUT_MS }, async () => {
      await withConnection(optionsFor(primary), async (connection) => {
        const { timeMs, ...facts } = await readServerFacts(connection);
        assert.ok(Math.abs(timeMs - Date.now()) < 5000, String(timeMs));
        assert.deepEqual(facts, {
          maxWalSenders: 30,
          maySwitchWal: false,
          syncReplicationSlots: false,
          synchronizedStandbySlots: major < 17 ? undefined : '',
          outputPluginLibraries: facts.outputPluginLibraries,
        });
        await primary.query(`grant execute on function pg_switch_wal() to ${ROLE}`);
        assert.equal((await readServerFacts(connection)).maySwitchWal, true);
      });
    });

    test('name walsenders with the slots that they use', { timeout: TIMEOUT_MS }, async () => {
      await withConnection(optionsFor(primary, { replication: true }), async () => {
        await withConnection(optionsFor(primary), async (connection) => {
          const senders = await readWalSenders(connection);
          assert.deepEqual(
            senders.toSorted((a, b) => a.application.localeCompare(b.application)),
            [
              { application: 's1', streaming: true, slot: 's1' },
              { application: 'slotcast-test', streaming: false, slot: undefined },
            ],
          );
        });
      });
    });

    test('hide from a role without pg_monitor who is streaming, but not who is there', {
      timeout: TIMEOUT_MS,
    }, async () => {
      await primary.createRole('blind', { without: ['pg_monitor'] });
      const options = { url: primary.url('postgres', 'blind'), applicationName: 'slotcast-test' };
      await withConnection(options, async (connection) => {
        // The session of the test before may still be on its way out.
        await waitUntil(async () => (await readWalSenders(connection)).length === 1, {
          describe: 'one walsender',
        });
        const senders = await readWalSenders(connection);
        assert.deepEqual(senders, [{ application: 's1', streaming: false, slot: 's1' }]);
      });
    });

    test('are told of each database whether it lets the role in', { timeout: TIMEOUT_MS }, async () => {
      for (const database of ['My Shop', 'open', 'closed', 'full']) {
        await primary.query(`create database "${database}"`);
      }
      await primary.query('revoke connect on database "My Shop" from public');
      await primary.query('alter database closed with allow_connections false');
      await primary.query('alter database "full" with connection limit 0');
      const names = ['open', 'My Shop', 'closed', 'full', 'gone'];
      const attempts = await tryDatabases(optionsFor(primary), names, { concurrency: 2, timeoutMs: 20_000 });
      assert.deepEqual(
        attempts.map(({ database }) => database),
        names,
      );
      assert.deepEqual(
        checkDatabases(attempts, ROLE).map(
          ({ outcome, message }) => `${outcome} ${/\[(\w+)\]/.exec(message)?.[1]}`,
        ),
        ['failed 42501', 'failed 55000', 'warning 53300', 'warning 3D000'],
      );
    });

    test('tell its start, by which it differs from other servers and from itself after a restart', {
      timeout: TIMEOUT_MS,
    }, async () => {
      const first = await startOf(primary);
      assert.equal(await startOf(primary), first);
      assert.ok(Math.abs(first - Date.now()) < 120_000, String(first));
      assert.notEqual(await startOf(standby), first);
      const earlier = await startOf(standby);
      await standby.restart();
      assert.ok((await startOf(standby)) > earlier);
    });
  });
}

function startOf(server: PostgresServer): Promise<number> {
  return withConnection(optionsFor(server), async (connection) => {
    const { serverStartedAt } = await readServerIdentity(connection);
    return serverStartedAt;
  });
}
