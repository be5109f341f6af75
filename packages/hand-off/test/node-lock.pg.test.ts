import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { NodeLock } from '@slotcast/hand-off';
import { connectPostgres, type PostgresConnection } from '@slotcast/postgres';
import { optionsFor, Pair } from './promoted-servers.ts';

const NODE = { cluster: 'c', node: 's1' };
const { signal } = new AbortController();

describe('the lock of a node', { timeout: 480_000 }, () => {
  test('is held by one session of its standby at a time, and still is after the promotion', {
    timeout: 180_000,
  }, async () => {
    await using pair = await Pair.start(18);
    const [first, second, elsewhere] = await connectAll(pair, 'postgres', 'postgres', 'template1');
    const held = new NodeLock(first, NODE);
    const wanted = new NodeLock(second, NODE);
    const ofOtherDatabase = new NodeLock(elsewhere, NODE);
    assert.equal(await held.isHeld(signal), false);
    assert.equal(await held.tryTake(signal), true);
    assert.equal(await wanted.tryTake(signal), false);
    assert.equal(await ofOtherDatabase.tryTake(signal), false);
    assert.equal(await new NodeLock(second, { cluster: 'c', node: 's2' }).tryTake(signal), true);
    await pair.promote();
    assert.equal(await held.isHeld(signal), true);
    assert.equal(await wanted.isHeld(signal), false);
    assert.equal(await ofOtherDatabase.tryTake(signal), false);

    await held.release(signal);
    assert.equal(await held.isHeld(signal), false);
    assert.equal(await ofOtherDatabase.tryTake(signal), true);
    assert.equal(await wanted.tryTake(signal), false, 'not beside one of another database');
    await Promise.all([first, second, elsewhere].map((connection) => connection.close()));
  });

  test('is free once the session of its holder was ended, which may no more say that it holds it', {
    timeout: 180_000,
  }, async () => {
    await using pair = await Pair.start(16);
    const [first, second] = await connectAll(pair, 'postgres', 'template1');
    const held = new NodeLock(first, NODE);
    const wanted = new NodeLock(second, NODE);
    assert.equal(await held.tryTake(signal), true);
    await wanted.endHolder(signal);
    assert.equal(await wanted.tryTake(signal), true);
    assert.equal(await held.isHeld(signal), false);
    await wanted.endHolder(signal);
    assert.equal(await wanted.isHeld(signal), true, 'nobody ends his own session');
    await Promise.all([first, second].map((connection) => connection.close()));
  });
});

async function connectAll<Names extends readonly string[]>(
  { standby }: Pair,
  ...databases: Names
): Promise<{ [Index in keyof Names]: PostgresConnection }> {
  const open = databases.map((database) =>
    connectPostgres({ ...optionsFor(standby, { applicationName: 'lock' }), database }),
  );
  // oxlint-disable-next-line no-unsafe-type-assertion -- as many as there are names
  return (await Promise.all(open)) as { [Index in keyof Names]: PostgresConnection };
}
