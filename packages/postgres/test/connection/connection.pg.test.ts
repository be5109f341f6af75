import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmod, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import {
  classifyPostgresError,
  connectPostgres,
  isPoolerError,
  PostgresConnectionError,
  StatementTimeoutError,
} from '@slotcast/postgres';
import { freePort, type PostgresServer, startPrimary, temporaryFolder, waitUntil } from '@slotcast/testkit';
import { optionsFor, ROLE, withConnection } from './open-connections.ts';
import { lacksPgBouncer, type Pooler, startPgBouncer, startRenamingProxy } from './poolers.ts';

const TIMEOUT_MS = 180_000;

describe('a connection', { timeout: 180_000 }, () => {
  let server: PostgresServer;

  before(async () => {
    server = await startPrimary({ major: 18 });
    await server.createRole(ROLE);
    await server.query('create database other');
  });

  after(() => server[Symbol.asyncDispose]());

  test('knows the version, searches pg_catalog only and names itself', { timeout: TIMEOUT_MS }, async () => {
    await withConnection(optionsFor(server), async (connection) => {
      assert.equal(connection.major, 18);
      assert.equal(Math.floor(connection.serverVersion / 10_000), 18);
      const text = `select current_setting('search_path') as path, current_setting('application_name') as name,
        pg_backend_pid() as pid, current_user::text as role, current_database()::text as database`;
      const expected = {
        path: 'pg_catalog',
        name: 'slotcast-test',
        pid: connection.processId,
        role: ROLE,
        database: 'postgres',
      };
      assert.deepEqual(await connection.run({ text }), [expected]);
    });
  });

  test('keeps the application name and the options of the URL, and takes the database that is asked for', {
    timeout: TIMEOUT_MS,
  }, async () => {
    const url = `${server.url('postgres', ROLE)}?application_name=billing&options=-c%20work_mem%3D128kB`;
    await withConnection({ url, database: 'other', applicationName: 'slotcast-test' }, async (connection) => {
      const text = `select current_setting('application_name') as name, current_setting('work_mem') as work_mem,
        current_setting('search_path') as path, current_database()::text as database`;
      assert.deepEqual(await connection.run({ text }), [
        { name: 'billing', work_mem: '128kB', path: 'pg_catalog', database: 'other' },
      ]);
    });
  });

  async function expectPoolerFound(pooler: Pooler): Promise<void> {
    const url = server.url('postgres', ROLE).replace(`:${server.port}/`, `:${pooler.port}/`);
    for (const replication of [false, true]) {
      await assert.rejects(connectPostgres({ ...optionsFor(server), url, replication }), (error) => {
        assert.ok(isPoolerError(error), String(error));
        const { class: kind, mayPass, remedy } = classifyPostgresError(error);
        assert.deepEqual([kind, mayPass], ['fatal', false]);
        assert.match(remedy, /directly, not through PgBouncer/);
        return true;
      });
    }
  }

  test('through something that names another process than the one that answers is refused', {
    timeout: TIMEOUT_MS,
  }, async () => {
    await using pooler = await startRenamingProxy(server);
    await expectPoolerFound(pooler);
  });

  for (const settings of [
    [],
    ['ignore_startup_parameters = options'],
    ['pool_mode = transaction', 'ignore_startup_parameters = options, extra_float_digits'],
  ]) {
    test(`through PgBouncer is refused, with ${settings.join(', ') || 'its defaults'}`, {
      timeout: TIMEOUT_MS,
      skip: lacksPgBouncer,
    }, async () => {
      await using pooler = await startPgBouncer(server, ROLE, settings);
      await expectPoolerFound(pooler);
    });
  }

  test('a statement past its time is cancelled on the server and leaves the connection usable', {
    timeout: TIMEOUT_MS,
  }, async () => {
    await withConnection(optionsFor(server), async (connection) => {
      const slow = connection.run({ text: 'select pg_sleep(25)' }, { timeoutMs: 50 });
      await assert.rejects(slow, StatementTimeoutError);
      assert.deepEqual(await connection.run({ text: 'select 1 as one' }), [{ one: 1 }]);
      await waitForIdle(connection.processId);
    });
  });

  test('an abort cancels the running statement, and the next one in the queue still runs', {
    timeout: TIMEOUT_MS,
  }, async () => {
    await withConnection(optionsFor(server), async (connection) => {
      const controller = new AbortController();
      const slow = connection.run({ text: 'select pg_sleep(25)' }, { signal: controller.signal });
      const next = connection.run({ text: 'select 2 as two' });
      await server.waitFor(
        `select from pg_stat_activity where pid = ${connection.processId} and query like '%pg_sleep%' and state = 'active'`,
        (rows) => rows.length === 1,
      );
      const reason = new Error('shutting down');
      controller.abort(reason);
      await assert.rejects(slow, reason);
      assert.deepEqual(await next, [{ two: 2 }]);
    });
  });

  test('a hundred cancellations that come too late or just in time hit no other statement', {
    timeout: TIMEOUT_MS,
  }, async () => {
    await withConnection(optionsFor(server), async (connection) => {
      for (let round = 0; round < 100; round += 1) {
        const signal = AbortSignal.timeout(round % 5);
        await connection.run({ text: 'select pg_sleep(0.002)' }, { signal }).catch((error: unknown) => {
          assert.equal(error, signal.reason);
        });
        assert.deepEqual(await connection.run({ text: 'select 1 as one' }), [{ one: 1 }]);
      }
    });
  });

  test('a server that answers neither statement nor cancellation gets the connection cut', {
    timeout: TIMEOUT_MS,
  }, async () => {
    const connection = await connectPostgres(optionsFor(server));
    try {
      await server.pause();
      const stuck = connection.run({ text: 'select 1' }, { timeoutMs: 50 });
      await assert.rejects(stuck, StatementTimeoutError);
      assert.equal(connection.broken, true);
      await connection.closed;
    } finally {
      await server.resume();
      await connection.close();
    }
  });

  test('a session ended by an administrator is seen as broken, and does not end this process', {
    timeout: TIMEOUT_MS,
  }, async () => {
    const connection = await connectPostgres(optionsFor(server));
    assert.equal(connection.broken, false);
    await server.query('select pg_terminate_backend($1)', [connection.processId]);
    const error = await connection.closed;
    assert.equal(connection.broken, true);
    assert.equal(classifyPostgresError(error).class, 'retry');
    await assert.rejects(connection.run({ text: 'select 1' }), PostgresConnectionError);
    await connection.close();
  });

  test('a statement under way when the session ends is rejected', { timeout: TIMEOUT_MS }, async () => {
    const connection = await connectPostgres(optionsFor(server));
    const slow = connection.run({ text: 'select pg_sleep(25)' });
    const rejected = assert.rejects(
      slow,
      (error) =>
        classifyPostgresError(error).code === '57P01' && classifyPostgresError(error).class === 'retry',
    );
    await server.waitFor(
      `select from pg_stat_activity where pid = ${connection.processId} and state = 'active'`,
      (rows) => rows.length === 1,
    );
    await server.query('select pg_terminate_backend($1)', [connection.processId]);
    await rejected;
    await connection.close();
  });

  test('closing ends the session on the server, and resolves `closed` without an error', {
    timeout: TIMEOUT_MS,
  }, async () => {
    const connection = await connectPostgres(optionsFor(server));
    await connection.close();
    await connection.close();
    assert.equal(await connection.closed, undefined);
    await waitForIdle(connection.processId);
  });

  test('goes to the address or the socket of the URL, and to a database whatever its name', {
    timeout: TIMEOUT_MS,
  }, async () => {
    const socket = await temporaryFolder('socket');
    await chmod(socket, 0o777);
    await server.setConfig({ unix_socket_directories: socket });
    await server.query('create database "100% sure"');
    const { port } = server;
    for (const url of [
      `postgresql://${ROLE}@no.such.host.invalid:${port}/100%25%20sure?hostaddr=127.0.0.1`,
      `postgresql://${ROLE}@/100%25 sure?host=${socket}&port=${port}`,
      `postgresql://${ROLE}@${encodeURIComponent(socket)}:${port}/100%25%20sure?sslmode=require`,
    ]) {
      await withConnection({ url, applicationName: 'slotcast-test' }, async (connection) => {
        assert.equal(connection.database, '100% sure');
        const cancelled = connection.run({ text: 'select pg_sleep(25)' }, { timeoutMs: 50 });
        await assert.rejects(cancelled, StatementTimeoutError);
        assert.equal(connection.broken, false, 'the request to cancel went to the same place');
      });
    }
  });

  test('the password file named by PGPASSFILE is used', { timeout: TIMEOUT_MS }, async () => {
    await server.query(`create role lettered login password 'open sesame'`);
    const hba = join(server.dataFolder, 'pg_hba.conf');
    await writeFile(hba, 'host all lettered 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\n');
    await server.query('select pg_reload_conf()');
    const options = { ...optionsFor(server), url: server.url('postgres', 'lettered') };
    await server.waitFor(
      `select from pg_hba_file_rules where auth_method = 'scram-sha-256'`,
      (rows) => rows.length === 1,
    );
    const withoutPassword = await waitUntil(
      () =>
        connectPostgres(options).then(
          (connection) => connection.close().then(() => undefined),
          (error: unknown) => error,
        ),
      { describe: 'the server asks for a password' },
    );
    const { class: kind, mayPass } = classifyPostgresError(withoutPassword);
    assert.deepEqual([kind, mayPass], ['fatal', true]);
    assert.match(String(withoutPassword), /the password file .* cannot be read/);

    const file = join(await temporaryFolder('pgpass'), 'pgpass');
    await writeFile(file, `127.0.0.1:${server.port}:*:lettered:open sesame\n`, { mode: 0o600 });
    process.env['PGPASSFILE'] = file;
    try {
      await withConnection(options, async (connection) => assert.equal(connection.user, 'lettered'));
    } finally {
      delete process.env['PGPASSFILE'];
    }
    const url = `${server.url('postgres', 'lettered')}?passfile=${encodeURIComponent(file)}`;
    await withConnection({ ...options, url }, async ({ user }) => assert.equal(user, 'lettered'));
    await chmod(file, 0o640);
    await assert.rejects(connectPostgres({ ...options, url }), /can be read by others/);
  });

  async function waitForIdle(processId: number): Promise<void> {
    await server.waitFor(
      `select from pg_stat_activity where pid = ${processId} and state = 'active'`,
      (rows) => rows.length === 0,
    );
  }
});

describe('connecting', () => {
  test('to a port where nothing listens says where, and is to be tried again', {
    timeout: TIMEOUT_MS,
  }, async () => {
    const port = await freePort();
    const attempt = connectPostgres({
      host: '127.0.0.1',
      port,
      user: ROLE,
      applicationName: 'slotcast-test',
    });
    await assert.rejects(attempt, (error) => {
      assert.ok(error instanceof PostgresConnectionError);
      assert.match(error.message, new RegExp(`127\\.0\\.0\\.1:${port}`));
      assert.deepEqual(classifyPostgresError(error).code, 'ECONNREFUSED');
      assert.equal(classifyPostgresError(error).class, 'retry');
      return true;
    });
  });

  test('is given up at an abort, and after its time', { timeout: TIMEOUT_MS }, async () => {
    const silent = createServer();
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const address = silent.address();
    assert.ok(address !== null && typeof address === 'object');
    const options = { host: '127.0.0.1', port: address.port, user: ROLE, applicationName: 'slotcast-test' };
    try {
      const signal = AbortSignal.timeout(50);
      await assert.rejects(connectPostgres({ ...options, signal }), (error) => error === signal.reason);
      await assert.rejects(connectPostgres({ ...options, connectTimeoutMs: 50 }), (error) => {
        assert.equal(classifyPostgresError(error).class, 'retry');
        return error instanceof PostgresConnectionError;
      });
    } finally {
      silent.close();
    }
  });
});
