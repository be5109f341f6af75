import assert from 'node:assert/strict';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { formatLsn, type SlotEvent } from '@slotcast/domain';
import { connectPostgres, type PostgresConnection, READ_FILE_FUNCTION } from '@slotcast/postgres';
import { type PostgresMajor, type PostgresServer, waitUntil } from '@slotcast/testkit';
import { type CommandResult, runCommand } from './command.ts';
import { ROLE, Scene } from './scene.ts';

/** What a server shows of a slot. */
export interface SlotPositions {
  readonly name: string;
  readonly restart: string;
  readonly confirmed: string;
  readonly xmin: string;
}

/** What `slotcast rebuild --output json` says. */
export interface RebuiltAnswer {
  readonly complete: boolean;
  readonly consistent_lsn: string;
  readonly slots: readonly {
    readonly slot: string;
    readonly outcome: string;
    readonly snapshot: boolean;
    readonly reasons: readonly { readonly code: string }[];
  }[];
}

/** A primary with a table, and a publisher, which may read the server's files unless told otherwise. */
export async function rebuildScene(
  major: PostgresMajor,
  { mayReadFiles = true }: { readonly mayReadFiles?: boolean } = {},
): Promise<Scene> {
  const scene = await Scene.start({ major, standbys: [] });
  try {
    if (mayReadFiles) {
      await scene.primary.query(`grant execute on function ${READ_FILE_FUNCTION} to ${ROLE}`);
    }
    await scene.primary.query('create table public.t (id int primary key, note text)');
    await (await scene.service('publisher', scene.primary)).ready();
    return scene;
  } catch (error) {
    await scene[Symbol.asyncDispose]();
    throw error;
  }
}

/** Logical slots, all or those named, by name. */
export async function positionsOf(server: PostgresServer): Promise<readonly SlotPositions[]> {
  return await server.query<{ name: string; restart: string; confirmed: string; xmin: string }>(
    `select slot_name::text as name, restart_lsn::text as restart, confirmed_flush_lsn::text as confirmed,
            catalog_xmin::text as xmin
       from pg_replication_slots where slot_type = 'logical' order by slot_name`,
  );
}

/** Waits until the topic has all slots of the primary as they are. */
export async function untilTopicAgrees(scene: Scene): Promise<void> {
  let seen = '';
  await waitUntil(
    async () => {
      const there = await positionsOf(scene.primary);
      const events = await newestEvents(scene);
      const told = there.map(({ name }) => {
        const state = events.get(name)?.state;
        return [name, state?.restartLsn, state?.confirmedFlushLsn]
          .map((value) => (typeof value === 'bigint' ? formatLsn(value) : value))
          .join(' ');
      });
      seen = told.join(', ');
      return there.every(
        ({ name, restart, confirmed }, index) => told[index] === `${name} ${restart} ${confirmed}`,
      );
    },
    { intervalMs: 200, describe: () => `the topic as the primary; it has ${seen}` },
  );
}

async function newestEvents({ log, topics, codec }: Scene): Promise<ReadonlyMap<string, SlotEvent>> {
  const end = await log.endOffset(topics.slots);
  const reader = await log.read(topics.slots, 'beginning');
  const newest = new Map<string, SlotEvent>();
  try {
    while (reader.position < end) {
      const { records } = await reader.next(AbortSignal.timeout(60_000));
      for (const record of records) {
        const event = await codec.decodeSlotsRecord(record);
        if (event.kind === 'slot') {
          newest.set(event.slot, event);
        }
      }
    }
    return newest;
  } finally {
    await reader.close();
  }
}

/**
 * Moves a slot to where transactions are open that have written already, and leaves three transactions behind its position, two of which were open
 * there: a state file alone would lose these.
 */
export async function leaveOpenTransactions(server: PostgresServer, slot: string): Promise<void> {
  const [first, second] = [await session(server), await session(server)];
  const consume = (): Promise<unknown> =>
    server.query('select count(*) from pg_logical_slot_get_changes($1, null, null)', [slot]);
  try {
    await begin(first, 101);
    await server.query('checkpoint');
    await insert(server, 1);
    await consume();
    await begin(second, 102);
    await server.query('checkpoint');
    await first.run({ text: 'commit' });
    await consume();
    await server.query('checkpoint');
    await insert(server, 2);
    await consume();
    await insert(server, 3);
    await second.run({ text: 'commit' });
    await insert(server, 4);
  } finally {
    await Promise.all([first.close(), second.close()]);
  }
}

export async function insert(server: PostgresServer, id: number): Promise<void> {
  await server.query('insert into public.t values ($1, $2)', [id, `row ${id}`]);
}

async function begin(connection: PostgresConnection, id: number): Promise<void> {
  await connection.run({ text: 'begin' });
  await connection.run({ text: `insert into public.t values (${id}, 'open')` });
}

function session(server: PostgresServer): Promise<PostgresConnection> {
  return connectPostgres({ url: server.url(), applicationName: 'writer' });
}

/** The rows that a slot of test_decoding would send, in their order, without moving it. */
export async function contentOf(server: PostgresServer, slot: string): Promise<readonly string[]> {
  const rows = await server.query<{ data: string }>(
    // Of messages, with which slotcast fills WAL at a promotion, the beginning is enough.
    'select left(data, 1000) as data from pg_logical_slot_peek_changes($1, null, null)',
    [slot],
  );
  return rows.map(({ data }) => data).filter((line) => line.startsWith('table '));
}

/** Brings WAL files from the `pg_wal` of another server. */
export function restoreFrom(server: PostgresServer): string {
  return `cp "${join(server.dataFolder, 'pg_wal')}/%f" "%p"`;
}

/** Runs `slotcast rebuild` on the data folder of a server that is down. */
export async function rebuild(
  scene: Scene,
  server: PostgresServer,
  extra: readonly string[] = [],
): Promise<CommandResult & { readonly answer: RebuiltAnswer }> {
  await access(server.dataFolder);
  const args = ['rebuild', '--pgdata', server.dataFolder, '--output', 'json', ...extra];
  const result = await runCommand(args, scene.environment(server));
  assert.ok(result.stdout.startsWith('{'), `exit ${result.code}: ${result.stderr}`);
  return { ...result, answer: JSON.parse(result.stdout) };
}
