import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { formatLsn, type Lsn, lsn, parseLsn, parseSlotName } from '@slotcast/domain';
import {
  advanceSlot,
  connectPostgres,
  createPhysicalSlot,
  dropPhysicalSlot,
  type PostgresConnection,
  readReplayLsn,
  SlotMovedError,
} from '@slotcast/postgres';
import { type PostgresMajor, type PostgresServer, startPrimary } from '@slotcast/testkit';
import { optionsFor, ROLE } from '../connection/open-connections.ts';

const TIMEOUT_MS = 180_000;
const hasCode = (code: string) => (error: unknown) =>
  error instanceof Error && 'code' in error && error.code === code;

for (const major of [13, 16, 17, 18] satisfies PostgresMajor[]) {
  describe(`physical slots on a standby of PostgreSQL ${major}`, { timeout: TIMEOUT_MS }, () => {
    let primary: PostgresServer;
    let standby: PostgresServer;
    let connection: PostgresConnection;

    before(async () => {
      primary = await startPrimary({ major });
      await primary.createRole(ROLE);
      standby = await primary.addStandby({ name: 'bravo' });
      connection = await connectPostgres(optionsFor(standby));
    });

    after(async () => {
      await connection?.close();
      await primary?.[Symbol.asyncDispose]();
    });

    async function written(): Promise<void> {
      await primary.query('create table if not exists t (g int)');
      await primary.query('insert into t select generate_series(1, 1000)');
      await primary.waitForReplay(standby);
    }

    async function replayed(): Promise<Lsn> {
      return (await readReplayLsn(connection)) ?? assert.fail('the standby is in recovery');
    }

    async function position(name: string): Promise<Lsn | undefined> {
      const text = 'select restart_lsn from pg_replication_slots where slot_name = $1';
      const [row] = await standby.query<{ restart_lsn: string }>(text, [name]);
      return row && parseLsn(row.restart_lsn);
    }

    async function idleSince(): Promise<number> {
      const [row] = await standby.query<{ inactive_since: Date }>(
        `select inactive_since from pg_replication_slots where slot_name = 'idle'`,
      );
      return row?.inactive_since.getTime() ?? assert.fail('the slot is there');
    }

    test('keep WAL from the last restartpoint on', async () => {
      const made = await createPhysicalSlot(connection, 'kept');
      const [checkpoint] = await standby.query<{ redo_lsn: string }>(
        'select redo_lsn from pg_control_checkpoint()',
      );
      assert.deepEqual([await position('kept'), formatLsn(made)], [made, checkpoint?.redo_lsn]);
      await assert.rejects(createPhysicalSlot(connection, 'kept'), hasCode('42710'));
    });

    test('move as far as is replayed, and never backwards', async () => {
      await createPhysicalSlot(connection, 'moved');
      await written();
      const name = parseSlotName('moved');
      const beyond = lsn((await replayed()) + 0x1_0000_0000n);
      const { endLsn } = await advanceSlot(connection, { name, target: beyond });
      assert.ok(endLsn <= (await replayed()));
      assert.equal(await position('moved'), endLsn);
      await assert.rejects(advanceSlot(connection, { name, target: lsn(endLsn - 1n) }), hasCode('55000'));
      assert.equal((await advanceSlot(connection, { name, target: endLsn })).endLsn, endLsn);
    });

    test('count as used when they are moved to where they stand', {
      skip: major < 17 && 'no server before 17 tells since when a slot is idle',
    }, async () => {
      const target = await createPhysicalSlot(connection, 'idle');
      const made = await idleSince();
      await written();
      await advanceSlot(connection, { name: parseSlotName('idle'), target });
      assert.ok((await idleSince()) > made);
      assert.equal(await position('idle'), target);
    });

    test('are dropped only where they stand as they were seen', async () => {
      const restartLsn = await createPhysicalSlot(connection, 'dropped');
      await written();
      const moved = await advanceSlot(connection, {
        name: parseSlotName('dropped'),
        target: await replayed(),
      });
      await assert.rejects(dropPhysicalSlot(connection, 'dropped', { restartLsn }), SlotMovedError);
      assert.equal(await position('dropped'), moved.endLsn);
      await dropPhysicalSlot(connection, 'dropped', { restartLsn: moved.endLsn });
      assert.equal(await position('dropped'), undefined);
      await assert.rejects(dropPhysicalSlot(connection, 'dropped', {}), hasCode('42704'));
    });

    test('are not dropped while somebody streams through them', async () => {
      const charlie = await standby.addStandby({ name: 'charlie', slotName: 'streamed' });
      // It may move at any moment.
      await assert.rejects(
        dropPhysicalSlot(connection, 'streamed', { restartLsn: await position('streamed') }),
        (error) => hasCode('55006')(error) || error instanceof SlotMovedError,
      );
      assert.notEqual(await position('streamed'), undefined);
      await charlie.stop();
    });
  });
}
