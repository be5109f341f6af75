import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { decodeSlotFile, decodingSnapshotName, type SlotFile } from '@slotcast/data-folder';
import type { Lsn } from '@slotcast/domain';
import { consistentPointAtHand, installSlot, readDataFolder, runningAtHand } from '@slotcast/rebuild';
import { POSTGRES_MAJORS, type PostgresMajor, type PostgresServer, startPrimary } from '@slotcast/testkit';
import pg from 'pg';
import { pendingRows } from './stopped-servers.ts';

/** A transaction that has written a row. */
async function openTransaction(
  server: PostgresServer,
  id: number,
): Promise<{ readonly commit: () => Promise<void> }> {
  const client = new pg.Client(server.connectionOptions());
  await client.connect();
  await client.query('begin');
  await client.query('insert into rows values ($1)', [id]);
  return {
    commit: async () => {
      await client.query('commit');
      await client.end();
    },
  };
}

async function consume(server: PostgresServer): Promise<void> {
  await server.query('checkpoint');
  await server.query("select count(*) from pg_logical_slot_get_changes('moved', null, null)");
}

/**
 * Leaves two slots on the primary. `moved` has its restart_lsn where a transaction was running, and three transactions are waiting for it, one of which was open when it was read last. `fresh` was made
 * while a transaction was open, and was never read.
 */
async function makeHistory(server: PostgresServer): Promise<void> {
  await server.query("select pg_create_logical_replication_slot('moved', 'test_decoding')");
  const first = await openTransaction(server, 1);
  await consume(server);
  const second = await openTransaction(server, 2);
  await first.commit();
  await consume(server);
  await consume(server);
  const making = server.query("select pg_create_logical_replication_slot('fresh', 'test_decoding')");
  await server.waitFor(
    "select from pg_stat_activity where query like '%fresh%' and wait_event = 'transactionid'",
    (rows) => rows.length === 1,
  );
  await server.query('insert into rows values (3)');
  await second.commit();
  await making;
  await server.query('insert into rows values (4)');
  await server.query('checkpoint');
}

function stateOf(server: PostgresServer, slot: string, major: PostgresMajor): SlotFile {
  return decodeSlotFile(readFileSync(join(server.dataFolder, 'pg_replslot', slot, 'state')), major);
}

function snapshotAt(server: PostgresServer, position: Lsn | undefined): Buffer {
  assert.ok(position);
  return readFileSync(join(server.dataFolder, 'pg_logical', 'snapshots', decodingSnapshotName(position)));
}

for (const major of POSTGRES_MAJORS) {
  test(`a slot of ${major} delivers all on a standby when transactions were open, with its snapshot or proof that it needs none`, {
    timeout: 120_000,
  }, async () => {
    await using primary = await startPrimary({ major });
    await primary.query('create table rows (id int)');
    const standby = await primary.addStandby({ name: 'standby' });
    const bare = await primary.addStandby({ name: 'bare' });
    await makeHistory(primary);
    const [moved, fresh] = [stateOf(primary, 'moved', major), stateOf(primary, 'fresh', major)];
    const snapshot = snapshotAt(primary, moved.restartLsn);
    assert.throws(() => snapshotAt(primary, fresh.restartLsn), /ENOENT/);
    for (const server of [standby, bare]) {
      await primary.waitForReplay(server);
      await server.stop();
      const folder = await readDataFolder(server.dataFolder);
      const { history } = folder;
      assert.ok(history);
      const point = (slot: SlotFile): string => {
        assert.ok(slot.restartLsn && slot.confirmedFlushLsn);
        assert.equal(runningAtHand({ folder, history }, slot.restartLsn).kind, 'some');
        const decoding = { from: slot.restartLsn, until: slot.confirmedFlushLsn };
        return consistentPointAtHand({ folder, history }, decoding).kind;
      };
      assert.deepEqual([point(moved), point(fresh)], ['later', 'found']);
      await installSlot({ folder, slot: moved, snapshot: server === bare ? undefined : snapshot });
      await installSlot({ folder, slot: fresh });
      await server.start();
      await server.promote();
    }
    const all = await pendingRows(primary, 'moved');
    assert.equal(all.length, 3);
    assert.deepEqual(await pendingRows(standby, 'moved'), all);
    assert.deepEqual(await pendingRows(standby, 'fresh'), await pendingRows(primary, 'fresh'));
    assert.ok((await pendingRows(primary, 'fresh')).length > 0);
    // What it was about: the same state without the snapshot.
    assert.ok((await pendingRows(bare, 'moved')).length < all.length);
    assert.equal((await pendingRows(bare, 'fresh')).length, (await pendingRows(primary, 'fresh')).length);
  });
}
