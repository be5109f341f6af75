import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Lsn, parseLsn } from '@slotcast/domain';
import {
  classifyPostgresError,
  PostgresConnectionError,
  type ReceivedRow,
  type SubscribeOptions,
  subscribe,
} from '@slotcast/postgres';
import { type PostgresMajor, type PostgresServer, startPrimary, waitUntil } from '@slotcast/testkit';
import { optionsFor, ROLE } from '../connection/open-connections.ts';

const TIMEOUT_MS = 180_000;

/** Starts a subscription that is to fail; resolves once the server sends. */
async function start(
  options: Omit<SubscribeOptions, 'onRow'>,
): Promise<{ readonly error: Promise<unknown> }> {
  const events = new EventEmitter();
  const started = once(events, 'start');
  const running = subscribe({ ...options, onRow: () => undefined, onStart: () => events.emit('start') });
  const error = running.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  await started;
  return { error };
}

for (const major of [16, 18] satisfies PostgresMajor[]) {
  describe(`a subscriber of PostgreSQL ${major}`, { timeout: 180_000 }, () => {
    let server: PostgresServer;
    let nextId = 1;

    before(async () => {
      server = await startPrimary({ major });
      await server.createRole(ROLE);
      await server.query('create table numbered (id int primary key, note text)');
      await server.query('create table other (id int)');
      await server.query('create publication numbers for table numbered');
      await server.query(`select pg_create_logical_replication_slot('orders', 'pgoutput')`);
    });

    after(() => server?.[Symbol.asyncDispose]());

    async function insert(count: number): Promise<readonly number[]> {
      const ids = Array.from({ length: count }, (_, index) => nextId + index);
      nextId += count;
      await server.query('insert into numbered select unnest($1::int[])', [ids]);
      return ids;
    }

    async function confirmed(): Promise<Lsn> {
      const [row] = await server.query<{ lsn: string }>(
        `select confirmed_flush_lsn as lsn from pg_replication_slots where slot_name = 'orders'`,
      );
      assert.ok(row);
      return parseLsn(row.lsn);
    }

    async function confirmedReaches(position: Lsn): Promise<void> {
      await waitUntil(async () => (await confirmed()) >= position, {
        describe: 'the slot reaches the position',
      });
    }

    /** Runs a subscriber while `work` is under way. */
    async function whileSubscribed(
      onRow: (row: ReceivedRow, signal: AbortSignal) => void | Promise<void>,
      work: () => Promise<void>,
      acknowledgeEveryMs = 20,
    ): Promise<void> {
      const controller = new AbortController();
      const { signal } = controller;
      await server.waitFor(
        `select from pg_replication_slots where slot_name = 'orders' and not active`,
        (rows) => rows.length === 1,
      );
      const running = subscribe({
        connection: optionsFor(server),
        slot: 'orders',
        publication: 'numbers',
        onRow: (row) => onRow(row, signal),
        acknowledgeEveryMs,
        signal,
      });
      try {
        await Promise.race([work(), running.then(() => assert.fail('the subscription ended'))]);
      } finally {
        controller.abort();
        await running;
      }
    }

    test('receives inserts, updates and deletes with their commit position, and confirms them', {
      timeout: TIMEOUT_MS,
    }, async () => {
      const rows: ReceivedRow[] = [];
      const start = await confirmed();
      await whileSubscribed(
        (row) => {
          rows.push(row);
        },
        async () => {
          const [id] = await insert(1);
          await server.query(`update numbered set note = 'x' where id = $1`, [id]);
          await server.query('delete from numbered where id = $1', [id]);
          const end = parseLsn(await server.currentLsn());
          await waitUntil(() => rows.length === 3, { describe: 'three rows' });
          await confirmedReaches(end);
        },
      );
      const told = rows.map(({ kind, schema, table, row }) => ({ kind, schema, table, row }));
      const numbered = { schema: 'public', table: 'numbered' };
      assert.deepEqual(told, [
        { kind: 'insert', ...numbered, row: { id: 1, note: null } },
        { kind: 'update', ...numbered, row: { id: 1, note: 'x' } },
        { kind: 'delete', ...numbered, row: { id: 1 } },
      ]);
      const positions = [start, ...rows.map((row) => row.commitLsn)];
      assert.deepEqual(
        positions,
        [...positions].toSorted((a, b) => Number(a - b)),
      );
      assert.equal(new Set(positions).size, 4);
    });

    test('confirms WAL in which there is nothing for it, to the byte and not beyond', {
      timeout: TIMEOUT_MS,
    }, async () => {
      await whileSubscribed(
        () => assert.fail('no row is published'),
        async () => {
          await server.query('insert into other select generate_series(1, 1000)');
          const end = parseLsn(await server.currentLsn());
          await confirmedReaches(end);
          const [row] = await server.query<{ beyond: boolean }>(
            `select confirmed_flush_lsn > pg_current_wal_insert_lsn() as beyond from pg_replication_slots where slot_name = 'orders'`,
          );
          assert.equal(row?.beyond, false);
        },
      );
    });

    test('never confirms a row that is still being processed, and gets it again after a reconnect', {
      timeout: TIMEOUT_MS,
    }, async () => {
      const before = await confirmed();
      const seen: unknown[] = [];
      await whileSubscribed(
        async (row, signal) => {
          seen.push(row.row['id']);
          await once(signal, 'abort');
        },
        async () => {
          const ids = await insert(2);
          await waitUntil(() => seen.length === 1, { describe: 'the first row' });
          await server.query('insert into other select generate_series(1, 1000)');
          await server.waitFor(
            `select from pg_stat_replication where application_name = 'slotcast-test' and sent_lsn >= '${await server.currentLsn()}'`,
            (rows) => rows.length === 1,
          );
          assert.ok((await confirmed()) <= before);
          assert.deepEqual(seen, [ids[0]]);
        },
      );
      const again: unknown[] = [];
      await whileSubscribed(
        (row) => {
          again.push(row.row['id']);
        },
        async () => {
          await waitUntil(() => again.length === 2, { describe: 'both rows' });
          await confirmedReaches(parseLsn(await server.currentLsn()));
        },
      );
      assert.equal(again[0], seen[0]);
    });

    test('confirms what was processed when it ends, so that no row comes twice', {
      timeout: TIMEOUT_MS,
    }, async () => {
      const first: unknown[] = [];
      const ids = await insert(3);
      const end = parseLsn(await server.currentLsn());
      await whileSubscribed(
        (row) => {
          first.push(row.row['id']);
        },
        async () => {
          await waitUntil(() => first.length === 3, { describe: 'three rows' });
        },
        TIMEOUT_MS,
      );
      await confirmedReaches(end);
      const second: unknown[] = [];
      const more = await insert(1);
      await whileSubscribed(
        (row) => {
          second.push(row.row['id']);
        },
        async () => {
          await waitUntil(() => second.length > 0, { describe: 'a row' });
        },
      );
      assert.deepEqual([first, second], [ids, more]);
    });

    test('confirms each transaction soon, not only now and then', { timeout: TIMEOUT_MS }, async () => {
      await whileSubscribed(
        () => undefined,
        async () => {
          for (let round = 0; round < 10; round += 1) {
            await insert(1);
            await confirmedReaches(parseLsn(await server.currentLsn()));
          }
        },
      );
    });

    test('ends whenever it is stopped, also while it connects, and leaves no session', {
      timeout: TIMEOUT_MS,
    }, async () => {
      for (const delay of [undefined, 0, 1, 2, 3, 5, 10]) {
        const stop = new AbortController();
        const stopped = subscribe({
          connection: optionsFor(server),
          slot: 'orders',
          publication: 'numbers',
          onRow: () => undefined,
          signal: stop.signal,
        });
        if (delay !== undefined) {
          await sleep(delay);
        }
        stop.abort();
        await stopped;
      }
      await server.waitFor(
        `select from pg_stat_activity where backend_type = 'walsender'`,
        (rows) => rows.length === 0,
      );
    });

    test('ends with what its handler threw, and with the error of a lost connection or a slot in use', {
      timeout: TIMEOUT_MS,
    }, async () => {
      const failure = new Error('cannot store it');
      const options = {
        connection: optionsFor(server),
        slot: 'orders',
        publication: 'numbers',
        signal: AbortSignal.timeout(TIMEOUT_MS),
      };
      await insert(1);
      await server.waitFor(
        `select from pg_replication_slots where slot_name = 'orders' and not active`,
        (rows) => rows.length === 1,
      );
      const throwing = subscribe({ ...options, onRow: () => Promise.reject(failure) });
      await assert.rejects(throwing, (error) => error === failure);
      await server.waitFor(
        `select from pg_replication_slots where slot_name = 'orders' and not active`,
        (rows) => rows.length === 1,
      );
      const terminated = await start(options);
      await assert.rejects(subscribe({ ...options, onRow: () => undefined }), { code: '55006' });
      await server.query(
        `select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = 'orders'`,
      );
      assert.equal(classifyPostgresError(await terminated.error).code, '57P01');
      const lost = await start(options);
      await server.kill();
      const error = await lost.error;
      assert.ok(error instanceof PostgresConnectionError);
      assert.equal(classifyPostgresError(error).class, 'retry');
    });
  });
}
