import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { HEARTBEAT_MS, parseSlotName } from '@slotcast/domain';
import { systemClock } from '@slotcast/kernel';
import { ClusterReader } from '@slotcast/topics';
import { MemoryTopics } from './memory-topics.ts';
import { confirmed, manifest, nodeStatus, slotOn } from './records.ts';

const options = { timeout: 20_000 };
const { signal } = new AbortController();
const slot = parseSlotName('app1');

function read(topics: MemoryTopics): Promise<ClusterReader> {
  return ClusterReader.read({ ...topics.context({ unusable: [] }), clock: systemClock }, signal);
}

describe('what a command reads of a cluster', options, () => {
  test('is also what was committed behind the open transactions of publisher and consumers', async () => {
    const topics = await MemoryTopics.create();
    await topics.append(manifest({ seq: 1 }), nodeStatus('s1'), slotOn('s1'));
    topics.log.leaveOpen('died', await topics.encode(nodeStatus('s2')));
    topics.log.leaveOpen('died too', await topics.encode(confirmed('app2', { seq: 2 })));
    await topics.append(slotOn('s1', { state: 'blocked' }), manifest({ timeline: 2, epoch: 2 }));
    let done = false;
    const reading = read(topics).then((cluster) => {
      done = true;
      return cluster;
    });
    await nextTurn();
    assert.equal(done, false, 'it waits, and tells of no older state');
    for (const id of ['died', 'died too']) {
      await topics.log.claim(id);
    }
    const facts = (await reading).facts();
    assert.equal(facts?.manifest.record.timeline, 2);
    assert.equal(facts?.nodeSlots.get('s1')?.get(slot)?.record.state, 'blocked');
    assert.equal(facts?.nodes.has('s2'), false);
  });

  test('is nothing without a manifest, and each thing in its newest record with one', async () => {
    const topics = await MemoryTopics.create();
    await topics.append(confirmed('app1', { seq: 1, lsn: 10 }), nodeStatus('s1'));
    assert.equal((await read(topics)).facts(), undefined);
    await topics.append(manifest({ seq: 2, lsn: 10 }), confirmed('app1', { seq: 3, lsn: 30 }));
    const facts = (await read(topics)).facts();
    const known = facts?.slots.get(slot);
    assert.equal(known?.record.seq, 3);
    assert.equal(known?.track.passedAt(known.record.lsn), undefined);
    assert.notEqual(known?.track.passedAt(confirmed('app1', { seq: 1, lsn: 10 }).lsn), undefined);
  });

  test('goes on while it is followed', async () => {
    const topics = await MemoryTopics.create();
    await topics.append(manifest({ seq: 1 }), confirmed('app1', { seq: 2 }));
    const cluster = await read(topics);
    const stop = new AbortController();
    const following = cluster.follow(stop.signal);
    await topics.append(confirmed('app1', { seq: 3 }, { op: 'drop' }), nodeStatus('s1'));
    while (cluster.facts()?.nodes.has('s1') !== true || cluster.facts()?.slots.has(slot) === true) {
      await nextTurn();
    }
    stop.abort();
    await assert.rejects(following);
    await cluster.close();
  });
});

describe('the heartbeat of a cluster', options, () => {
  test('that is old is waited for, and heard live when it comes', async () => {
    const topics = await MemoryTopics.create();
    await topics.append(manifest({ seq: 1 }));
    const cluster = await read(topics);
    topics.brokerMs = Date.now() + 3_600_000;
    const waiting = cluster.awaitHeartbeat(60_000, signal);
    await topics.append(manifest({ seq: 2 }));
    const { live, aheadMs, silentMs } = (await waiting) ?? assert.fail('none');
    assert.equal(live, true);
    assert.ok(aheadMs > 3_500_000, 'by that the clocks are compared');
    assert.ok(silentMs < 60_000);
    await cluster.close();
  });

  test('that is recent is told as it was judged, however long the rest takes', async () => {
    const topics = await MemoryTopics.create();
    const clock = { ...systemClock, ms: topics.brokerMs + HEARTBEAT_MS - 1, now: () => clock.ms };
    await topics.append(manifest({ seq: 1 }));
    const cluster = await ClusterReader.read({ ...topics.context({ unusable: [], clock }), clock }, signal);
    const heartbeat = (await cluster.awaitHeartbeat(60_000, signal)) ?? assert.fail('none');
    clock.ms += 60_000;
    await cluster.close();
    assert.deepEqual(heartbeat, { live: false, aheadMs: 1 - HEARTBEAT_MS, silentMs: HEARTBEAT_MS - 1 });
  });

  test('that does not come is waited for no longer than was asked', async () => {
    const topics = await MemoryTopics.create();
    await topics.append(manifest({ seq: 1 }));
    const cluster = await read(topics);
    const heartbeat = await cluster.awaitHeartbeat(20, signal);
    assert.equal(heartbeat?.live, false);
    await cluster.close();
  });
});
