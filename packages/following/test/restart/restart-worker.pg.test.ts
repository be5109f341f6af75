import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Lsn, lsn, OVERDUE_MS, parseLsn } from '@slotcast/domain';
import { systemClock } from '@slotcast/kernel';
import { connectPostgres } from '@slotcast/postgres';
import { type PostgresServer, startPrimary, waitUntil } from '@slotcast/testkit';
import { SkippingClock } from '../skipping-clock.ts';
import { APP, type Facts, factsOf, startWorker } from './restart-scene.ts';

const ROLE = 'slotcast';
const MIB = 1024n * 1024n;
const ROUND_MS = 20;
/** For several looks of the worker, and for longer than a session is waited for. */
const SEVERAL_ROUNDS = 50;

async function positions(
  server: PostgresServer,
): Promise<{ readonly restart: Lsn; readonly confirmed: Lsn }> {
  const [row] = await server.query<{ restart: string; confirmed: string }>(
    "select restart_lsn::text as restart, confirmed_flush_lsn::text as confirmed from pg_replication_slots where slot_name = 'app'",
  );
  return { restart: parseLsn(row?.restart ?? ''), confirmed: parseLsn(row?.confirmed ?? '') };
}

test('a slot that is being decoded is given back as soon as somebody waits for an answer about the slots', {
  timeout: 180_000,
}, async () => {
  await using server = await startPrimary({ major: 18 });
  await server.createRole(ROLE);
  await server.query("select pg_create_physical_replication_slot('absent', true)");
  await server.query("select pg_create_logical_replication_slot('app', 'test_decoding', false, false, true)");
  await server.query("select pg_logical_emit_message(true, 'test', 'something')");
  await server.query("select pg_replication_slot_advance('app', pg_current_wal_flush_lsn())");
  // From here on an advance of the slot waits without an end.
  await server.setConfig({ synchronized_standby_slots: 'absent' });
  const { restart, confirmed } = await positions(server);
  const postgres = { url: server.url('postgres', ROLE), applicationName: 'slotcast-test' };
  const { worker } = startWorker({ postgres, clock: systemClock, restartGapBytes: 1n });
  const round = (facts: Facts): boolean => {
    worker.looks(new Set());
    const { held } = worker.underWay(new Set());
    worker.planned(facts);
    return held.has(APP);
  };
  try {
    await waitUntil(
      async () => {
        round(factsOf(restart, confirmed));
        const rows = await server.query(
          "select from pg_replication_slots where slot_name = 'app' and active",
        );
        return rows.length === 1;
      },
      { intervalMs: 20, describe: 'the slot to be decoded' },
    );
    const asked = performance.now();
    // A turn ends by itself after two seconds.
    while (round(factsOf(restart, confirmed, true))) {
      await sleep(10);
    }
    assert.ok(performance.now() - asked < 1000, `${performance.now() - asked} ms`);
    // Else it would look as if another program used it.
    assert.deepEqual(
      await server.query("select from pg_replication_slots where slot_name = 'app' and active"),
      [],
    );
  } finally {
    await worker.close();
  }
});

test('a slot is worked on soon after the session of its database is there, when that takes a while', {
  timeout: 180_000,
}, async () => {
  await using server = await startPrimary({ major: 18 });
  await server.createRole(ROLE);
  await server.query("select pg_create_logical_replication_slot('app', 'test_decoding')");
  const locking = await connectPostgres({ url: server.url(), applicationName: 'test' });
  await locking.run({ text: 'begin' });
  // Without it no session can begin.
  await locking.run({ text: 'lock table pg_catalog.pg_class in access exclusive mode' });
  const postgres = { url: server.url('postgres', ROLE), applicationName: 'slotcast-test' };
  const { worker, metrics } = startWorker({ postgres, clock: systemClock, restartGapBytes: 1n });
  const isDone = async (): Promise<boolean> => {
    worker.looks(new Set());
    worker.underWay(new Set());
    worker.planned(factsOf(lsn(1n), lsn(1000n)));
    return (await metrics.actionsTotal.get()).values.length > 0;
  };
  try {
    for (let round = 0; round < SEVERAL_ROUNDS; round += 1) {
      assert.equal(await isDone(), false);
      await sleep(ROUND_MS);
    }
    await locking.close();
    // A slot that fails is left alone for ten seconds.
    await waitUntil(isDone, { intervalMs: ROUND_MS, timeoutMs: 9000, describe: 'the slot to be worked on' });
  } finally {
    await locking.close();
    await worker.close();
  }
});

test('a slot whose small gap could not be closed is worked on as soon as it has a large one', {
  timeout: 180_000,
}, async () => {
  await using server = await startPrimary({ major: 18 });
  await server.createRole(ROLE);
  await server.query("select pg_create_logical_replication_slot('app', 'test_decoding')");
  const { restart, confirmed } = await positions(server);
  const clock = new SkippingClock();
  const postgres = { url: server.url('postgres', ROLE), applicationName: 'slotcast-test' };
  const { worker, metrics } = startWorker({ postgres, clock, restartGapBytes: MIB });
  const advances = async (from: Lsn): Promise<number> => {
    worker.looks(new Set());
    worker.underWay(new Set());
    worker.planned(factsOf(from, confirmed));
    return (await metrics.actionsTotal.get()).values[0]?.value ?? 0;
  };
  const untilAdvanced = async (count: number, from: Lsn): Promise<void> => {
    const options = { intervalMs: ROUND_MS, describe: `advance ${count} of the slot` };
    await waitUntil(async () => (await advances(from)) === count, options);
  };
  const staysAt = async (count: number): Promise<void> => {
    for (let round = 0; round < SEVERAL_ROUNDS; round += 1) {
      assert.equal(await advances(restart), count);
      await sleep(ROUND_MS);
    }
  };
  try {
    await staysAt(0);
    clock.skip(OVERDUE_MS);
    await untilAdvanced(1, restart);
    await staysAt(1);
    await untilAdvanced(2, lsn(confirmed - (MIB * 3n) / 2n));
  } finally {
    await worker.close();
  }
});
