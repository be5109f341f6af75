import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { identifySystem, readStandbySettings, readTimelineHistory } from '@slotcast/postgres';
import type { Server } from '../src/postgres/server.ts';
import { Pair } from './twin-pair.ts';

function physicalSlot(server: Server, name: string) {
  return server.slots.find((slot) => slot.name === name);
}

describe('replication between servers of the twin', () => {
  it('a standby of a standby streams, and its pin goes up to the primary', async () => {
    const pair = new Pair();
    const last = pair.standby.addStandby('c');
    pair.insert();
    await pair.world.run(5_000);
    assert.equal(last.replayLsn, pair.primary.flushLsn);
    const session = await pair.connect(last);
    await pair.makeSlot(session, await pair.connect(pair.primary));
    const needed = last.slots.find(({ name }) => name === 'app')?.catalogXmin;
    await pair.world.run(5_000);
    assert.equal(physicalSlot(pair.standby, 'c')?.catalogXmin, needed);
    assert.equal(physicalSlot(pair.primary, 'b')?.catalogXmin, needed);
  });

  it('a standby of a standby goes along when that is promoted', async () => {
    const pair = new Pair();
    const last = pair.standby.addStandby('c');
    await pair.world.run(3_000);
    pair.primary.crash();
    const rows = 3;
    pair.standby.promote();
    const xid = pair.standby.begin();
    pair.standby.write(xid, rows);
    pair.standby.commit(xid);
    await pair.world.run(5_000);
    assert.equal(last.replayLsn, pair.standby.flushLsn);
    const replication = await pair.connect(last, true);
    const system = await pair.do(() => identifySystem(replication));
    assert.equal(system.timeline, 2);
    const history = await pair.do(() => readTimelineHistory(replication, system.timeline));
    assert.equal(history.ancestors.length, 1);
  });

  it('a former primary joins again with its slots after a clean stop, and by rewind without them', async () => {
    for (const isClean of [true, false]) {
      const pair = new Pair();
      pair.primary.createSlot('app');
      await pair.world.run(3_000);
      if (isClean) {
        pair.primary.stop();
      } else {
        pair.world.link('stream:b').set('refusing');
        pair.insert();
        pair.primary.crash();
      }
      await pair.world.run(1_000);
      pair.standby.promote();
      if (isClean) {
        pair.primary.follow(pair.standby);
      } else {
        pair.primary.follow(pair.standby);
        await pair.world.run(5_000);
        assert.ok(pair.primary.line.partsAt(pair.standby.line) < pair.primary.receiveLsn, 'it cannot stream');
        pair.primary.rewind(pair.standby);
      }
      pair.standby.commit(pair.standby.begin());
      await pair.world.run(5_000);
      assert.equal(pair.primary.replayLsn, pair.standby.flushLsn);
      assert.equal(
        pair.primary.slots.some(({ name }) => name === 'app'),
        isClean,
      );
    }
  });

  it('a silent stream counts as one for a minute', async () => {
    const pair = new Pair();
    await pair.world.run(3_000);
    const session = await pair.connect(pair.standby);
    pair.world.link('stream:b').set('silent');
    await pair.world.run(30_000);
    assert.equal((await pair.do(() => readStandbySettings(session))).walReceiver?.status, 'streaming');
    assert.equal(physicalSlot(pair.primary, 'b')?.active, true);
    await pair.world.run(40_000);
    assert.equal((await pair.do(() => readStandbySettings(session))).walReceiver, undefined);
    assert.equal(physicalSlot(pair.primary, 'b')?.active, false);
    pair.world.link('stream:b').set('up');
    await pair.world.run(5_000);
    assert.equal(pair.standby.replayLsn, pair.primary.flushLsn);
  });

  it('a standby whose physical slot was dropped does not stream until it is told to follow again', async () => {
    const pair = new Pair();
    await pair.world.run(3_000);
    pair.world.link('stream:b').set('refusing');
    await pair.world.run(1_000);
    pair.primary.dropSlot('b');
    pair.insert();
    pair.world.link('stream:b').set('up');
    await pair.world.run(10_000);
    assert.ok(pair.standby.receiveLsn < pair.primary.flushLsn);
    pair.standby.follow(pair.primary);
    await pair.world.run(3_000);
    assert.equal(pair.standby.receiveLsn, pair.primary.flushLsn);
  });

  it('replay that is paused goes on later, and a promotion does not wait for it', async () => {
    const pair = new Pair();
    await pair.world.run(3_000);
    pair.standby.pauseReplay(true);
    pair.insert();
    await pair.world.run(1_000);
    assert.ok(pair.standby.replayLsn < pair.standby.receiveLsn);
    pair.standby.pauseReplay(false);
    await pair.world.run(1_000);
    assert.equal(pair.standby.replayLsn, pair.standby.receiveLsn);
    pair.standby.pauseReplay(true);
    pair.insert();
    await pair.world.run(1_000);
    const received = pair.standby.receiveLsn;
    pair.standby.promote();
    assert.ok(pair.standby.flushLsn > received);
  });

  it('WAL that a slot needs stays, and a slot that holds too much loses it', async () => {
    const pair = new Pair(1, { maxSlotWalKeepBytes: 64 * 2 ** 20 });
    pair.primary.createSlot('app');
    await pair.world.run(1_000);
    pair.primary.bulk(48 * 2 ** 20);
    pair.primary.checkpoint();
    assert.notEqual(pair.primary.wouldDeliver('app', undefined), undefined);
    pair.primary.bulk(48 * 2 ** 20);
    pair.primary.checkpoint();
    assert.equal(pair.primary.slots.find(({ name }) => name === 'app')?.invalidated, true);
    assert.equal(pair.primary.wouldDeliver('app', undefined), undefined);
  });
});
