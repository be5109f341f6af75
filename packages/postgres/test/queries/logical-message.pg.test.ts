import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseLsn } from '@slotcast/domain';
import { emitMessage, type ReceivedMessage, subscribe } from '@slotcast/postgres';
import { type PostgresMajor, type PostgresServer, startPrimary, waitUntil } from '@slotcast/testkit';
import { optionsFor, ROLE, withConnection } from '../connection/open-connections.ts';

const timeout = 180_000;
const SLOT = 'listener';

async function started(major: PostgresMajor): Promise<PostgresServer> {
  const server = await startPrimary({ major });
  await server.createRole(ROLE);
  await server.query('create table busy (id int)');
  await server.query(`select pg_create_logical_replication_slot('${SLOT}', 'pgoutput')`);
  return server;
}

/** Listens to messages while `work` is under way; returns the error that ended the subscription early, if one did. */
async function listening(
  server: PostgresServer,
  publication: string | undefined,
  work: (messages: readonly ReceivedMessage[]) => Promise<void>,
): Promise<unknown> {
  const messages: ReceivedMessage[] = [];
  const controller = new AbortController();
  const running = subscribe({
    connection: optionsFor(server),
    slot: SLOT,
    publication,
    onRow: () => assert.fail('a row was sent'),
    onMessage: (message) => {
      messages.push(message);
    },
    acknowledgeEveryMs: timeout,
    acknowledgeAtOnce: true,
    signal: controller.signal,
  });
  const ended = running.then(
    () => undefined,
    (error: unknown) => error,
  );
  await Promise.race([work(messages), ended]);
  controller.abort();
  return await ended;
}

async function emit(server: PostgresServer, content: string): Promise<void> {
  await withConnection(optionsFor(server), (connection) =>
    emitMessage(connection, { prefix: 'news', content }),
  );
}

for (const major of [16, 17, 18] satisfies PostgresMajor[]) {
  describe(`a listener to messages on PostgreSQL ${major}`, { timeout: 180_000 }, () => {
    /** 16 refuses an empty list; a name of no publication is as good while no row changes. */
    const none = major === 16 ? 'nothing' : undefined;

    test('gets each one with its commit position, and confirms it at once', { timeout }, async () => {
      await using server = await started(major);
      const error = await listening(server, none, async (messages) => {
        await emit(server, 'first');
        await waitUntil(() => messages.length === 1, { describe: 'the first message' });
        const written = parseLsn(await server.currentLsn());
        await emit(server, 'second');
        await waitUntil(() => messages.length === 2, { describe: 'the second message' });
        const told = messages.map(({ prefix, content }) => [prefix, Buffer.from(content).toString()]);
        assert.deepEqual(told, [
          ['news', 'first'],
          ['news', 'second'],
        ]);
        const [first, second] = messages;
        assert.ok(first !== undefined && second !== undefined);
        assert.ok(first.commitLsn < written && second.commitLsn >= written);
        // The paced acknowledgement is a minute away, and the server asks for one after half a minute.
        await server.waitFor<{ lsn: string }>(
          `select confirmed_flush_lsn as lsn from pg_replication_slots where slot_name = '${SLOT}'`,
          ([row]) => row !== undefined && parseLsn(row.lsn) > second.commitLsn,
          5000,
        );
      });
      assert.equal(error, undefined);
    });

    test('hears nothing of changed rows, and goes on after them', { timeout }, async () => {
      await using server = await started(major);
      if (major === 16) {
        await server.query('create publication nothing');
      }
      const error = await listening(server, none, async (messages) => {
        await server.query('insert into busy values (1)');
        await emit(server, 'after the row');
        await waitUntil(() => messages.length === 1, { describe: 'the message after the row' });
      });
      assert.equal(error, undefined);
    });
  });
}

for (const major of [16, 17] satisfies PostgresMajor[]) {
  test(`on PostgreSQL ${major} a publication that does not exist ends the listening at the first row`, {
    timeout,
  }, async () => {
    await using server = await started(major);
    const error = await listening(server, 'nothing', async (messages) => {
      await emit(server, 'before the row');
      await waitUntil(() => messages.length === 1, { describe: 'the message before the row' });
      await server.query('insert into busy values (1)');
      await new Promise(() => {});
    });
    assert.ok(error instanceof Error && 'code' in error);
    assert.equal(error.code, '42704');
  });
}
