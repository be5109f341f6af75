import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { LogUnavailableError, MemoryLog, OutcomeUnknownError } from '@slotcast/event-log';
import { testContract } from '../contract.ts';
import { createTopic, readAll, record, shown } from '../contract-context.ts';

testContract('the log in memory', async () => {
  const log = new MemoryLog();
  let names = 0;
  return {
    connect: () => log,
    uniqueName: (label) => `${label}${(names += 1)}`,
    compactingConfig: new Map([
      ['cleanup.policy', 'compact'],
      ['delete.retention.ms', '0'],
    ]),
    compact: async (topic) => log.compact(topic),
    recreateTopic: async (topic) => log.recreateTopic(topic),
    leaveOpen: async (transactionalId, records) => log.leaveOpen(transactionalId, records),
    close: () => log.close(),
  };
});

describe('the log in memory, where tests steer it', () => {
  test('a tombstone outlives compaction for delete.retention.ms from the first one on', async () => {
    let now = 1_000;
    const log = new MemoryLog({ now: () => now });
    const topic = await createTopic(log, 'topic', new Map([['delete.retention.ms', '500']]));
    const writer = await log.claim('writer');
    await writer.append([record(topic, 'a', '1'), record(topic, 'a', null)]);
    const seen = async (): Promise<readonly string[]> =>
      shown(await readAll(log, await log.read(topic, 'beginning'), topic));
    log.compact(topic);
    assert.deepEqual(await seen(), ['a']);
    now += 499;
    log.compact(topic);
    assert.deepEqual(await seen(), ['a']);
    now += 1;
    log.compact(topic);
    assert.deepEqual(await seen(), []);
  });

  test('compaction leaves the history window alone', async () => {
    let now = 1_000;
    const log = new MemoryLog({ now: () => now });
    const topic = await createTopic(log, 'topic', new Map([['min.compaction.lag.ms', '100']]));
    const writer = await log.claim('writer');
    await writer.append([record(topic, 'a', '1')]);
    await writer.append([record(topic, 'a', '2')]);
    now += 100;
    await writer.append([record(topic, 'a', '3')]);
    await writer.append([record(topic, 'a', '4')]);
    log.compact(topic);
    const records = await readAll(log, await log.read(topic, 'beginning'), topic);
    assert.deepEqual(shown(records), ['a=2', 'a=3', 'a=4']);
  });

  test('while the log is away calls fail and readers wait; afterwards nothing is lost or seen twice', async () => {
    const log = new MemoryLog();
    const topic = await createTopic(log, 'topic');
    const writer = await log.claim('writer');
    await writer.append([record(topic, 'a', '1')]);
    const reader = await log.read(topic, 'beginning');
    assert.deepEqual(shown((await reader.next(AbortSignal.timeout(1_000))).records), ['a=1']);
    log.setAvailable(false);
    const waiting = reader.next(AbortSignal.timeout(5_000));
    await assert.rejects(writer.append([record(topic, 'a', '2')]), OutcomeUnknownError);
    await assert.rejects(log.claim('writer'), LogUnavailableError);
    await assert.rejects(log.endOffset(topic), LogUnavailableError);
    await assert.rejects(log.describeTopic(topic), LogUnavailableError);
    log.setAvailable(true);
    await (await log.claim('writer')).append([record(topic, 'a', '3')]);
    assert.deepEqual(shown((await waiting).records), ['a=3']);
  });

  test('a lost answer leaves open whether the records are there', async () => {
    const log = new MemoryLog();
    const topic = await createTopic(log, 'topic');
    for (const outcome of ['written', 'not written'] as const) {
      const writer = await log.claim('writer');
      log.loseNextAnswer(outcome);
      await assert.rejects(writer.append([record(topic, 'a', outcome)]), OutcomeUnknownError);
      await assert.rejects(writer.append([record(topic, 'a', 'more')]), OutcomeUnknownError);
    }
    const reader = await log.read(topic, 'beginning');
    assert.deepEqual(shown(await readAll(log, reader, topic)), ['a=written']);
  });
});
