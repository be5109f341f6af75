import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type HandOffPlan, parseSlotName } from '@slotcast/domain';
import { systemClock } from '@slotcast/kernel';
import { createLogger } from '@slotcast/observability';
import { connectPostgres, DatabaseSessions } from '@slotcast/postgres';
import { startPrimary } from '@slotcast/testkit';
import { EVERYTHING, moverAlone, planOf } from './plans.ts';
import { optionsFor, ROLE } from './promoted-servers.ts';

const SLOTS = 20;
/** Of one attempt to connect; the patience of a hand-off is for seven of them. */
const CONNECT_MS = 300;
const { signal } = new AbortController();

function failoverOf(name: string, database: string): HandOffPlan['failovers'][number] {
  return { slot: parseSlotName(name), database: { name: database, oid: undefined } };
}

test('a database that lets no session in costs the hand-off its patience, and not one connection for each slot', {
  timeout: 180_000,
}, async () => {
  await using server = await startPrimary({ major: 18, settings: { max_replication_slots: '30' } });
  await server.createRole(ROLE);
  await server.query('create database shut');
  const names = Array.from({ length: SLOTS }, (_, index) => `shut_${index}`);
  for (const [name, database] of [
    ...names.map((each) => [each, 'shut'] as const),
    ['open', 'postgres'] as const,
  ]) {
    await server.query("select pg_create_logical_replication_slot($1, 'pgoutput')", [name], database);
  }
  const lines: string[] = [];
  const stream = { write: (line: string) => lines.push(line) };
  const logger = createLogger({ level: 'error', fields: {}, stream });
  const sessions = new DatabaseSessions(
    optionsFor(server, { connectTimeoutMs: CONNECT_MS }),
    () => undefined,
    signal,
  );
  const locker = await connectPostgres({ url: server.url('shut'), applicationName: 'locker' });
  try {
    await sessions.main();
    await locker.run({ text: 'begin' });
    await locker.run({ text: 'lock table pg_catalog.pg_class in access exclusive mode' });
    const mover = moverAlone({ sessions, clock: systemClock, logger, signal });
    const failovers = [...names.map((name) => failoverOf(name, 'shut')), failoverOf('open', 'postgres')];
    await mover.run(planOf({ failovers }), EVERYTHING);
    await mover.finish();
  } finally {
    await locker.close();
    await sessions.close();
  }
  const rows = await server.query<{ name: string }>(
    'select slot_name::text as name from pg_replication_slots where failover',
  );
  assert.deepEqual(rows, [{ name: 'open' }]);
  assert.equal(lines.length, SLOTS);
  const tried = lines.filter((line) => !line.includes('no time left'));
  assert.ok(tried.length > 1 && tried.length <= 10, `${tried.length} connections were tried`);
});
