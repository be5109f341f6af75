import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseLsn, parseSlotName } from '@slotcast/domain';
import {
  advanceSlot,
  createTemporarySlot,
  emitMessage,
  flushWal,
  identifySystem,
  logStandbySnapshot,
  moveSlots,
  observePrimary,
  observeStandby,
  primaryMemory,
  RecoveryWatch,
  readPreconditions,
  readServerIdentity,
  readStandbySettings,
  StatementTimeoutError,
  silenceLog,
  standbyMemory,
} from '@slotcast/postgres';
import { formatPosition } from '../src/postgres/position-text.ts';
import type { Delivery } from '../src/types.ts';
import { Pair } from './twin-pair.ts';

const lsnOf = (position: number) => parseLsn(formatPosition(position));
const app = parseSlotName('app');

describe('the twin of PostgreSQL', () => {
  it('streams from the primary to the standby, which replays', async () => {
    const pair = new Pair();
    pair.insert();
    await pair.world.run(5_000);
    assert.equal(pair.standby.replayLsn, pair.primary.flushLsn);
    pair.world.link('stream:b').set('refusing');
    pair.insert();
    await pair.world.run(5_000);
    assert.ok(pair.standby.receiveLsn < pair.primary.flushLsn);
    pair.world.link('stream:b').set('up');
    await pair.world.run(5_000);
    assert.equal(pair.standby.replayLsn, pair.primary.flushLsn);
  });

  it('answers what services ask first', async () => {
    const pair = new Pair();
    const session = await pair.connect(pair.standby);
    const replication = await pair.connect(pair.standby, true);
    await pair.world.run(3_000);
    const facts = await pair.do(() => readPreconditions(session));
    assert.equal(facts.inRecovery, true);
    assert.equal(await pair.do(() => silenceLog(session)), true);
    const identity = await pair.do(() => readServerIdentity(session));
    const system = await pair.do(() => identifySystem(replication));
    assert.equal(system.systemIdentifier, identity.systemIdentifier);
    assert.equal(system.timeline, 1);
    const settings = await pair.do(() => readStandbySettings(session));
    assert.equal(settings.walReceiver?.receivedTimeline, 1);
    const watch = new RecoveryWatch(session);
    const looked = await pair.do(() => watch.look());
    assert.equal(looked.inRecovery, true);
    assert.deepEqual(looked.openXids, []);
  });

  it('makes a slot on the standby once the primary logs its running transactions, and copies it', async () => {
    const pair = new Pair();
    const standby = await pair.connect(pair.standby);
    const primary = await pair.connect(pair.primary);
    await pair.makeSlot(standby, primary);
    const memory = standbyMemory();
    const first = await pair.do(() => observeStandby(standby, undefined, memory));
    assert.ok(first.inRecovery);
    const [slot] = first.slots;
    assert.equal(slot?.name, 'app');
    assert.equal(slot?.active, false);
    const second = await pair.do(() => observeStandby(standby, undefined, memory));
    assert.ok(second.inRecovery && second.slots === first.slots, 'nothing changed');
    await pair.world.run(2_000);
    const onPrimary = await pair.do(() => observePrimary(primary, undefined, primaryMemory()));
    assert.ok(!onPrimary.inRecovery);
    const pin = onPrimary.slots.find(({ name }) => name === 'b')?.catalogXmin;
    assert.equal(pin, slot?.catalogXmin, 'the pin has reached the physical slot');
  });

  it('waits with a creation for a transaction that is open, and can be cancelled', async () => {
    const pair = new Pair();
    const standby = await pair.connect(pair.standby);
    const primary = await pair.connect(pair.primary);
    pair.primary.begin();
    pair.primary.logRunning();
    await pair.world.run(1_000);
    const create = (): Promise<unknown> => {
      const made = createTemporarySlot(standby, { name: 'made', plugin: 'pgoutput', timeoutMs: 2_000 });
      return Promise.all([made, logStandbySnapshot(primary).then(() => flushWal(primary))]);
    };
    await assert.rejects(pair.do(create), StatementTimeoutError);
    assert.deepEqual(pair.standby.slots, []);
  });

  it('refuses as the server does', async () => {
    const pair = new Pair();
    const standby = await pair.connect(pair.standby);
    const replication = await pair.connect(pair.standby, true);
    const missing = pair.do(() => advanceSlot(standby, { name: app, target: lsnOf(pair.standby.replayLsn) }));
    await assert.rejects(missing, { code: '42704' });
    await assert.rejects(
      pair.do(() => flushWal(standby)),
      { code: 'XX000', routine: 'XLogBeginInsert' },
    );
    await pair.makeSlot(standby, await pair.connect(pair.primary));
    const back = pair.do(() => advanceSlot(standby, { name: app, target: parseLsn('0/1') }));
    await assert.rejects(back, { code: '55000' });
    const [outcome] = await pair.do(() =>
      moveSlots(replication, [{ name: parseSlotName('none'), plugin: 'pgoutput', target: parseLsn('0/2') }], {
        upTo: parseLsn('0/2'),
      }),
    );
    assert.ok(outcome?.kind === 'refused' && outcome.error.code === '42704');
  });

  it('moves a slot without reading WAL, and a subscriber gets the rest after the promotion', async () => {
    const pair = new Pair();
    const standby = await pair.connect(pair.standby);
    const replication = await pair.connect(pair.standby, true);
    const primary = await pair.connect(pair.primary);
    await pair.makeSlot(standby, primary);
    pair.insert();
    await pair.world.run(1_000);
    const target = lsnOf(pair.standby.replayLsn);
    const rows = pair.insert(2);
    const [outcome] = await pair.do(() =>
      moveSlots(replication, [{ name: app, plugin: 'pgoutput', target }], { upTo: target }),
    );
    assert.deepEqual(outcome, { kind: 'moved', name: app, position: target });
    await pair.world.run(1_000);
    pair.primary.crash();
    const would = pair.standby.wouldDeliver('app', undefined);
    assert.deepEqual(
      would?.flatMap((each) => each.rows),
      rows,
    );
    pair.standby.promote();
    assert.equal(pair.standby.inRecovery, false);
    const received: Delivery[] = [];
    const client = pair.standby.subscribe(pair.process, {
      slot: 'app',
      onDelivery: (delivery) => received.push(delivery),
      onEnd: (error) => assert.fail(error),
    });
    await pair.world.run(1_000);
    const got = received.flatMap((each) => (each.kind === 'transaction' ? each.rows : []));
    assert.deepEqual(got, rows);
    const end = received.at(-1)?.end ?? 0;
    client.confirm(end);
    await pair.world.run(1_000);
    assert.equal(pair.standby.slots[0]?.confirmedFlush, end);
    client.close();
    await pair.do(() => emitMessage(standby, { prefix: 'test', content: '' }));
    const system = await pair.do(() => identifySystem(replication));
    assert.equal(system.timeline, 2);
  });

  it('ends sessions in a crash, and takes positions back to what was saved', async () => {
    const pair = new Pair();
    const standby = await pair.connect(pair.standby);
    const replication = await pair.connect(pair.standby, true);
    await pair.makeSlot(standby, await pair.connect(pair.primary));
    const [before] = pair.standby.slots;
    pair.insert();
    await pair.world.run(1_000);
    const target = lsnOf(pair.standby.replayLsn);
    await pair.do(() =>
      moveSlots(replication, [{ name: app, plugin: 'pgoutput', target }], { upTo: target }),
    );
    pair.standby.crash();
    await pair.world.run(100);
    assert.equal(standby.broken, true);
    await assert.rejects(pair.connect(pair.standby), {
      name: 'PostgresConnectionError',
      code: 'ECONNREFUSED',
    });
    pair.standby.start();
    await pair.connect(pair.standby);
    assert.equal(pair.standby.slots[0]?.confirmedFlush, before?.confirmedFlush);
  });
});

describe('databases and catalogs of the twin', () => {
  it('a vacuum spares what a slot needs once its pin has arrived, and invalidates the slot before', async () => {
    for (const waitMs of [0, 2_000]) {
      const pair = new Pair(1, { statusIntervalMs: 1_000 });
      const standby = await pair.connect(pair.standby);
      const primary = await pair.connect(pair.primary);
      await pair.world.run(1_000);
      await pair.makeSlot(standby, primary);
      await pair.world.run(waitMs);
      const xid = pair.primary.begin();
      pair.primary.commit(xid, { catalog: true });
      pair.primary.vacuum();
      await pair.world.run(100);
      assert.equal(pair.standby.slots[0]?.invalidated, waitMs === 0);
    }
  });

  it('a database that is dropped takes its sessions and its slots along, on the standby too', async () => {
    const pair = new Pair();
    const oid = pair.primary.createDatabase('other');
    await pair.world.run(1_000);
    const primary = await pair.connect(pair.primary);
    const other = await pair.connect(pair.standby, false, 'other');
    await pair.makeSlot(other, primary);
    assert.equal(pair.standby.slots[0]?.database, oid);
    pair.primary.renameDatabase(oid, 'renamed');
    await pair.world.run(1_000);
    const [slot] = await pair.do(async () => {
      const seen = await observeStandby(other);
      return seen.inRecovery ? seen.slots : [];
    });
    assert.equal(slot?.type === 'logical' ? slot.database : undefined, 'renamed');
    pair.primary.dropDatabase(oid);
    await pair.world.run(1_000);
    assert.equal(other.broken, true);
    assert.deepEqual(pair.standby.slots, []);
    await assert.rejects(pair.connect(pair.standby, false, 'renamed'), { code: '3D000' });
  });

  it('another server from a copy of its disk has its slots, and its own line from then on', async () => {
    const pair = new Pair();
    await pair.makeSlot(await pair.connect(pair.standby), await pair.connect(pair.primary));
    const before = pair.primary.copyDisk();
    const clone = pair.standby.cloneAs('x');
    clone.start();
    clone.promote();
    assert.deepEqual(
      clone.slots.map(({ name }) => name),
      ['app'],
    );
    pair.insert();
    assert.ok(clone.line.partsAt(pair.primary.line) < pair.primary.flushLsn);
    pair.primary.restore(before);
    pair.primary.start();
    assert.ok(pair.standby.line.partsAt(pair.primary.line) <= pair.primary.flushLsn);
    assert.equal(pair.primary.inRecovery, false);
  });
});
