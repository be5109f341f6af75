import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import {
  type LocalSlot,
  lsn,
  noteUnproven,
  type PreparedOnPrimary,
  parseSlotName,
  type UnprovenSlot,
  waitsForPrepared,
} from '@slotcast/domain';
import {
  advanceSlot,
  connectPostgres,
  createLogicalSlot,
  observePrimary,
  observeStandby,
  type PostgresConnection,
  readPreparedTransactions,
} from '@slotcast/postgres';
import { type PostgresServer, startPrimary, waitUntil } from '@slotcast/testkit';
import { optionsFor } from '../connection/open-connections.ts';

const name = parseSlotName('app');
const unproven = new Map([[name, { incarnation: { epoch: 1, seq: 1 }, lineage: 'first', proven: false }]]);

async function read(server: PostgresServer): Promise<string> {
  const rows = await server.query<{ data: string }>(
    `select data from pg_logical_slot_get_changes('app', null, null)`,
  );
  return rows.map(({ data }) => data).join('\n');
}

describe('a two_phase slot made on a standby while a transaction is prepared', { timeout: 180_000 }, () => {
  let primary: PostgresServer;
  let standby: PostgresServer;
  let onPrimary: PostgresConnection;
  const sessions: PostgresConnection[] = [];

  before(async () => {
    primary = await startPrimary({ major: 18 });
    await primary.createRole('slotcast');
    await primary.query('create table t (id int)');
    await primary.query(`select pg_create_logical_replication_slot('app', 'test_decoding', false, true)`);
    standby = await primary.addStandby({ name: 'standby' });
    onPrimary = await connectPostgres(optionsFor(primary));
    sessions.push(onPrimary);
  });

  after(async () => {
    await Promise.all(sessions.map((session) => session.close()));
    await primary?.[Symbol.asyncDispose]();
  });

  /** Opens a transaction that has an id, and returns how to commit it. */
  async function begin(id: number): Promise<() => Promise<unknown>> {
    const session = await connectPostgres({ url: primary.url(), applicationName: 'test' });
    sessions.push(session);
    await session.run({ text: 'begin' });
    await session.run({ text: `insert into public.t values (${id})` });
    return () => session.run({ text: 'commit' });
  }

  /** Shows the standby what runs on the primary, and waits until the making there says `stage`. */
  async function show(stage: string): Promise<void> {
    await primary.query(`select pg_log_standby_snapshot(), pg_logical_emit_message(true, 'test', '')`);
    await waitUntil(async () => (await standby.log()).includes(stage), { describe: () => stage });
  }

  /** Makes the slot while other transactions are open, and prepares one when that is no longer waited for. */
  async function makeWithPrepared(): Promise<LocalSlot> {
    const first = await begin(1);
    await primary.query('checkpoint');
    await primary.waitForReplay(standby);
    await standby.query('checkpoint');
    const session = await connectPostgres({ url: standby.url(), applicationName: 'test' });
    sessions.push(session);
    const made = createLogicalSlot(session, { name, plugin: 'test_decoding', twoPhase: true });
    await standby.waitFor('select from pg_replication_slots', (rows) => rows.length === 1);
    const second = await begin(2);
    await first();
    await show('found initial starting point');
    const third = await begin(3);
    await second();
    await show('found initial consistent point');
    await primary.query(`begin; insert into t values (7); prepare transaction 'held'`);
    await third();
    await show('found consistent point');
    await made;
    return await slotHere();
  }

  async function slotHere(): Promise<LocalSlot> {
    const connection = await connectPostgres(optionsFor(standby));
    sessions.push(connection);
    const seen = await observeStandby(connection);
    assert.ok(seen.inRecovery);
    const slot = seen.slots.find((slot) => slot.name === name);
    assert.ok(slot !== undefined);
    return slot;
  }

  async function prepared(): Promise<PreparedOnPrimary> {
    const seen = await observePrimary(onPrimary);
    assert.ok(!seen.inRecovery);
    return { flushLsn: seen.flushLsn, transactions: await readPreparedTransactions(onPrimary) };
  }

  test('is not safe before that has ended, and what was sent is then not sent again after a promotion', async () => {
    const made = await makeWithPrepared();
    assert.ok(made.confirmedFlushLsn !== undefined);
    const look = (known: ReadonlyMap<typeof name, UnprovenSlot>, seen: PreparedOnPrimary) =>
      noteUnproven(known, { local: [made], ownership: unproven, prepared: seen, now: 0 });
    assert.match(await read(primary), /id\[integer\]:7[^]*PREPARE TRANSACTION 'held'/);
    const held = await prepared();
    assert.ok(held.flushLsn >= made.confirmedFlushLsn);
    const known = look(new Map(), held);
    const open = waitsForPrepared(known.get(name), held);
    assert.equal(open?.facts['gid'], 'held');

    await primary.query(`commit prepared 'held'`);
    assert.match(await read(primary), /^COMMIT PREPARED 'held'/);
    const ended = await prepared();
    assert.equal(waitsForPrepared(look(known, ended).get(name), ended), undefined);

    const { confirmedFlushLsn } = (await observed()) ?? {};
    const target = confirmedFlushLsn ?? lsn(0n);
    await primary.waitForReplay(standby);
    const connection = await connectPostgres(optionsFor(standby));
    sessions.push(connection);
    await advanceSlot(connection, { name, target });
    await standby.promote();
    assert.doesNotMatch(await read(standby), /held/);
  });

  async function observed() {
    const seen = await observePrimary(onPrimary);
    assert.ok(!seen.inRecovery);
    return seen.slots.find((slot) => slot.name === name);
  }
});
