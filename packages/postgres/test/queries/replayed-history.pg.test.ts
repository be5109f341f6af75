import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Lsn, lastSwitch, parseLsn, type TimelineHistory } from '@slotcast/domain';
import { observeStandby, type PostgresConnection, ReplayedHistory } from '@slotcast/postgres';
import { type PostgresMajor, type PostgresServer, startPrimary, waitUntil } from '@slotcast/testkit';
import { optionsFor, ROLE, withConnection } from '../connection/open-connections.ts';

const LOOKS = 50;
/** A role whose commands the server logs. */
const LOUD = 'loud';

async function replayOf(connection: PostgresConnection): Promise<Lsn> {
  const seen = await observeStandby(connection);
  assert.ok(seen.inRecovery);
  return seen.replayLsn;
}

async function timesAsked(server: PostgresServer): Promise<number> {
  return (await server.log()).split('received replication command: IDENTIFY_SYSTEM').length - 1;
}

/** Writes until the signal is aborted. */
async function write(server: PostgresServer, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await server.query("select pg_logical_emit_message(true, 'test', '')");
  }
}

for (const major of [16, 18] satisfies PostgresMajor[]) {
  test(`a standby of PostgreSQL ${major} is asked for its history rarely, and yet before it has replayed anything of another`, {
    timeout: 180_000,
  }, async () => {
    await using primary = await startPrimary({ major });
    await primary.createRole(ROLE);
    await primary.createRole(LOUD, { without: ['log_min_messages'] });
    const upstream = await primary.addStandby({ name: 'upstream' });
    const standby = await upstream.addStandby({
      name: 'standby',
      settings: { log_replication_commands: 'on' },
    });
    await primary.waitForReplay(standby);
    const url = standby.url('postgres', LOUD);
    await withConnection(optionsFor(standby, { url, replication: true }), (replication) =>
      withConnection(optionsFor(standby, { url }), async (connection) => {
        const history = await ReplayedHistory.of(connection, replication);
        const look = async (): Promise<{ readonly at: Lsn; readonly seen: TimelineHistory }> => {
          const at = await replayOf(connection);
          const seen = await history.at(at);
          assert.ok(seen !== undefined);
          return { at, seen };
        };
        const busy = new AbortController();
        const writing = write(primary, busy.signal);
        const first = await look();
        for (let n = 0; n < LOOKS; n += 1) {
          const { seen } = await look();
          assert.equal(seen, first.seen, 'read once');
        }
        assert.ok((await look()).at > first.at, 'replay has moved');
        assert.equal(await timesAsked(standby), 1);
        busy.abort();
        await writing;
        await primary.stop();

        // The standby goes over to the new timeline without a restart.
        const [{ seen: last }] = await Promise.all([
          waitUntil(
            async () => {
              const { at, seen } = await look();
              const left = lastSwitch(seen);
              assert.ok(
                left !== undefined || at <= (await switchPoint(upstream)),
                'judged by the old history',
              );
              return left === undefined ? undefined : { at, seen };
            },
            { intervalMs: 1, describe: 'the standby to go over to the new timeline' },
          ),
          upstream.promote(),
        ]);
        assert.equal(last.timeline, 2);
        assert.equal(lastSwitch(last)?.switchLsn, await switchPoint(upstream));
      }),
    );

    const asked = await timesAsked(standby);
    await withConnection(optionsFor(standby, { replication: true }), (replication) =>
      withConnection(optionsFor(standby), async (connection) => {
        const history = await ReplayedHistory.of(connection, replication);
        assert.equal((await history.at(await replayOf(connection)))?.timeline, 2);
      }),
    );
    assert.equal(await timesAsked(standby), asked, 'a role that may keeps it out of the log');
  });
}

/** Where a server left recovery, or will if it is promoted now. */
async function switchPoint(server: PostgresServer): Promise<Lsn> {
  return await withConnection(optionsFor(server), async (connection) => {
    const [row] = await connection.run<{ lsn: string }>({
      text: 'select pg_last_wal_replay_lsn()::text as lsn',
    });
    return parseLsn(row?.lsn ?? '');
  });
}
