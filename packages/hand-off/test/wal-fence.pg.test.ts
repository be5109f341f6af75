import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type FencePass, fencedLsn, isFenced, type Lsn, lsn, parseLsn } from '@slotcast/domain';
import { raiseFence } from '@slotcast/hand-off';
import {
  emitMessage,
  maySwitchWal,
  type PostgresConnection,
  readWalEnd,
  type WatchedRecovery,
} from '@slotcast/postgres';
import { type PostgresMajor, waitUntil } from '@slotcast/testkit';
import { Pair, ROLE, SWITCHER } from './promoted-servers.ts';

const TIMEOUT_MS = 180_000;
const { signal } = new AbortController();
const MEGABYTE = 1024 * 1024;

for (const major of [16, 18] satisfies PostgresMajor[]) {
  describe(`the WAL fence on a promoted PostgreSQL ${major}`, { timeout: 180_000 }, () => {
    let pair: Pair;
    let recovery: WatchedRecovery;
    let plain: PostgresConnection;
    let switcher: PostgresConnection;
    const passes: FencePass[] = [];

    before(async () => {
      pair = await Pair.start(major);
      recovery = await pair.promote();
      plain = await pair.connect(ROLE);
      switcher = await pair.connect(SWITCHER);
    });

    after(async () => {
      await plain?.close();
      await switcher?.close();
      await pair?.[Symbol.asyncDispose]();
    });

    async function raise(connection: PostgresConnection, ...targets: Lsn[]): Promise<FencePass> {
      const pass = await raiseFence({ connection, targets, baseline: recovery, signal });
      const { insertLsn } = await readWalEnd(connection);
      for (const target of targets) {
        assert.ok(insertLsn >= target);
      }
      passes.push(pass);
      return pass;
    }

    async function ahead(bytes: number): Promise<Lsn> {
      const { insertLsn } = await readWalEnd(plain);
      return lsn(insertLsn + BigInt(bytes));
    }

    test('reaches every target by messages alone, and is clean', { timeout: TIMEOUT_MS }, async () => {
      assert.equal(await maySwitchWal(plain), false);
      const [near, far] = [await ahead(100), await ahead(3 * MEGABYTE + 5)];
      const pass = await raise(plain, near, far);
      assert.ok(pass.clean && pass.reachedLsn >= far);
      assert.ok(pass.reachedLsn < far + BigInt(MEGABYTE));
    });

    test('reaches them by WAL switches where those are granted, and is clean and flushed', {
      timeout: TIMEOUT_MS,
    }, async () => {
      assert.equal(await maySwitchWal(switcher), true);
      const target = await ahead(40 * MEGABYTE);
      const pass = await raise(switcher, target);
      assert.ok(pass.clean && pass.reachedLsn >= target);
      assert.ok((await readWalEnd(switcher)).flushLsn >= target);
    });

    test('leaves WAL alone that is past the targets already', { timeout: TIMEOUT_MS }, async () => {
      const { insertLsn } = await readWalEnd(plain);
      const pass = await raise(plain, parseLsn('0/1'), insertLsn);
      assert.deepEqual([pass.reachedLsn, pass.clean], [insertLsn, true]);
    });

    test('stays clean up to where it was when a transaction comes in between', {
      timeout: TIMEOUT_MS,
    }, async () => {
      const { insertLsn: start } = await readWalEnd(plain);
      const target = await ahead(200 * MEGABYTE);
      const writer = await pair.connect();
      try {
        const write = async (): Promise<Lsn> => {
          await waitUntil(async () => (await readWalEnd(writer)).insertLsn > start + 10n * BigInt(MEGABYTE), {
            describe: 'the fence to be on its way',
            intervalMs: 1,
          });
          return await emitMessage(writer, { prefix: 'test', content: '' });
        };
        const [pass, message] = await Promise.all([raise(plain, target), write()]);
        assert.ok(pass.clean);
        assert.ok(pass.reachedLsn > start && pass.reachedLsn <= message && message < target);
      } finally {
        await writer.close();
      }
    });

    test('is not clean once a transaction has begun, which takes nothing from the passes before', {
      timeout: TIMEOUT_MS,
    }, async () => {
      const reached = fencedLsn(passes);
      const target = await ahead(MEGABYTE);
      const pass = await raise(plain, target);
      assert.ok(!pass.clean && pass.reachedLsn >= target);
      assert.equal(fencedLsn(passes), reached);
      assert.equal(isFenced(target, passes), false);
    });

    test('is never clean for who did not see recovery end', { timeout: TIMEOUT_MS }, async () => {
      const targets = [await ahead(MEGABYTE)];
      const pass = await raiseFence({ connection: switcher, targets, baseline: undefined, signal });
      assert.equal(pass.clean, false);
    });
  });
}
