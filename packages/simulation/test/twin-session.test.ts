import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  classifyPostgresError,
  createTemporarySlot,
  dropSlot,
  endCreations,
  endLeftSessions,
  isInRecovery,
  type PostgresConnection,
  StatementTimeoutError,
} from '@slotcast/postgres';
import { Process } from '../src/world/process.ts';
import { Pair } from './twin-pair.ts';

const LINK = 'postgres:asker';

interface Waiting {
  readonly pair: Pair;
  readonly session: PostgresConnection;
  /** How the creation ended. */
  readonly ended: Promise<unknown>;
  readonly controller: AbortController;
}

/** A session that makes a slot, which nothing lets it finish. */
async function waitingCreation(timeoutMs?: number): Promise<Waiting> {
  const pair = new Pair();
  pair.primary.begin();
  pair.primary.logRunning();
  await pair.world.run(2_000);
  const session = await pair.connect(pair.standby);
  const controller = new AbortController();
  const slot = { name: 'made', plugin: 'pgoutput', timeoutMs };
  const ended = pair
    .do(() => createTemporarySlot(session, slot, controller.signal))
    .then(
      () => 'made',
      (error: unknown) => error,
    );
  while (pair.standby.slots.length === 0) {
    await pair.world.run(1);
  }
  return { pair, session, ended, controller };
}

describe('a session of the twin', () => {
  it('cancels what its caller gives up, and goes on', async () => {
    const { pair, session, ended, controller } = await waitingCreation();
    const reason = new Error('given up');
    pair.world.after(0, () => controller.abort(reason), pair.process);
    assert.equal(await ended, reason);
    assert.deepEqual(pair.standby.slots, []);
    assert.equal(await pair.do(() => isInRecovery(session)), true);
  });

  it('counts a statement as it ended that had ended before the cancellation reached it', async () => {
    const { pair, ended, controller } = await waitingCreation();
    for (const { xid } of pair.primary.core.transactions.running) {
      pair.primary.rollback(xid);
    }
    pair.world.link(LINK).set('silent');
    pair.primary.logRunning();
    await pair.world.run(1_000);
    assert.notEqual(pair.standby.slots[0]?.confirmedFlush, undefined);
    pair.world.after(0, () => controller.abort(new Error('given up')), pair.process);
    await pair.world.run(1_000);
    pair.world.link(LINK).set('up');
    assert.equal(await ended, 'made');
    assert.equal(pair.standby.slots.length, 1);
  });

  it('is cut when the server does not obey within 5 s', async () => {
    const { pair, session, ended } = await waitingCreation(1_000);
    pair.world.link(LINK).set('silent');
    const begun = pair.world.now;
    assert.ok((await ended) instanceof StatementTimeoutError);
    assert.ok(pair.world.now - begun >= 5_000);
    assert.equal(session.broken, true);
    assert.equal(pair.standby.slots.length, 1, 'the server does not know');
    pair.world.link(LINK).set('up');
    await pair.world.run(2_000);
    assert.deepEqual(pair.standby.slots, []);
  });

  it('rejects with a lost connection when the server crashes, or the way to it is cut', async () => {
    for (const disturb of [
      (pair: Pair): void => pair.standby.crash(),
      (pair: Pair): void => pair.world.link(LINK).set('refusing'),
    ]) {
      const { pair, session, ended } = await waitingCreation();
      disturb(pair);
      const error = await ended;
      assert.ok(error instanceof Error);
      assert.equal(error.name, 'PostgresConnectionError');
      assert.equal(classifyPostgresError(error).class, 'retry');
      assert.ok((await session.closed) instanceof Error);
      await pair.world.run(2_000);
      assert.deepEqual(pair.standby.slots, []);
      await assert.rejects(
        pair.do(() => isInRecovery(session)),
        { name: 'PostgresConnectionError' },
      );
    }
  });

  it('ends in order when it is closed, with its temporary slots', async () => {
    const { pair, session, ended } = await waitingCreation();
    await pair.do(() => session.close());
    assert.equal(await session.closed, undefined);
    assert.ok((await ended) instanceof Error);
    assert.deepEqual(pair.standby.slots, []);
  });

  it('is noticed by and by to be gone when its process dies', async () => {
    const { pair } = await waitingCreation();
    assert.ok(pair.process instanceof Process);
    pair.process.kill();
    await pair.world.run(2_000);
    assert.deepEqual(pair.standby.slots, []);
  });

  it('of which a slot is in the making can be ended by another one', async () => {
    for (const end of [
      (other: PostgresConnection) => endCreations(other, ['made']),
      (other: PostgresConnection) => endLeftSessions(other, { prefix: 'ma', names: [] }),
    ]) {
      const { pair, ended } = await waitingCreation();
      const other = await pair.connect(pair.standby);
      await pair.do(() => end(other));
      const error = await ended;
      assert.equal(classifyPostgresError(error).class, 'retry');
      assert.deepEqual(pair.standby.slots, []);
    }
  });

  it('answers an error, and loses its temporary slots by it', async () => {
    const pair = new Pair();
    const standby = await pair.connect(pair.standby);
    const made = pair.do(() => createTemporarySlot(standby, { name: 'made', plugin: 'pgoutput' }));
    await pair.world.run(100);
    pair.primary.logRunning();
    await made;
    await assert.rejects(
      pair.do(() => dropSlot(standby, 'none')),
      { code: '42704' },
    );
    assert.deepEqual(pair.standby.slots, []);
    assert.equal(standby.broken, false);
  });
});
