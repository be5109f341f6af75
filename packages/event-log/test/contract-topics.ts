import assert from 'node:assert/strict';
import { LogUnavailableError, OutcomeUnknownError, TopicRecreatedError } from '@slotcast/event-log';
import { type ContractCases, createTopic, never, readAll, record, shown } from './contract-context.ts';

/** Topics and the ends of readers and writers. */
export const topicCases: ContractCases = {
  'a topic that does not exist is undefined to look at, and an error to read, measure or append to': async ({
    harness,
    log,
    newTopic,
    newId,
  }) => {
    const topic = harness.uniqueName('missing');
    await Promise.all([
      log.describeTopic(topic).then((description) => assert.equal(description, undefined)),
      assert.rejects(log.endOffset(topic), LogUnavailableError),
      assert.rejects(log.writtenEnd(topic), LogUnavailableError),
      assert.rejects(log.read(topic, 'beginning'), LogUnavailableError),
    ]);
    const writer = await log.claim(newId());
    await assert.rejects(writer.append([record(topic, 'a', '1')]), OutcomeUnknownError);
    await assert.rejects(writer.append([record(await newTopic(), 'a', '1')]), OutcomeUnknownError);
    assert.equal(await log.describeTopic(topic), undefined);
  },

  'a topic is created once, and described as created': async ({ harness, log }) => {
    const topic = harness.uniqueName('topic');
    const config = new Map([
      ['cleanup.policy', 'compact'],
      ['delete.retention.ms', '12345'],
    ]);
    const wanted = { topic, partitions: 2, replicationFactor: 1, config };
    assert.equal(await log.createTopic(wanted), true);
    assert.equal(await log.createTopic(wanted), false);
    const description = await log.describeTopic(topic);
    assert.equal(description?.partitions, 2);
    assert.equal(description.replicationFactor, 1);
    assert.equal(description.config.get('cleanup.policy'), 'compact');
    assert.equal(description.config.get('delete.retention.ms'), '12345');
  },

  'the cluster has one id and at least one broker': async ({ log }) => {
    assert.equal(await log.clusterId(), await log.clusterId());
    assert.notEqual(await log.clusterId(), '');
    assert.ok((await log.brokerCount()) >= 1);
  },

  'a topic that was deleted and recreated is an alarm to its readers, old and new': async ({
    harness,
    log,
    newTopic,
    newId,
  }) => {
    const topic = await newTopic();
    const writer = await log.claim(newId());
    await writer.append([record(topic, 'a', '1'), record(topic, 'a', '2'), record(topic, 'a', '3')]);
    const reader = await log.read(topic, 'beginning');
    await readAll(log, reader, topic);
    await harness.recreateTopic(topic);
    await assert.rejects(reader.next(AbortSignal.timeout(60_000)), TopicRecreatedError);
    await assert.rejects(reader.next(never), TopicRecreatedError);
    await assert.rejects(log.read(topic, reader.position), TopicRecreatedError);
    await reader.close();
  },

  'a topic that was deleted and recreated is an alarm to who has written to it, however long the new one is by then, and nothing is committed':
    async ({ harness, log, newTopic, newId }) => {
      const topic = await newTopic();
      const other = await newTopic();
      const id = newId();
      const writer = await log.claim(id);
      await writer.append([record(topic, 'a', '1')]);
      await harness.recreateTopic(topic);
      await assert.rejects(
        writer.append([record(other, 'a', '1'), record(topic, 'a', '2')]),
        TopicRecreatedError,
      );
      await assert.rejects(writer.append([record(other, 'a', '1')]), TopicRecreatedError);
      // A writer of the same log is none that knows nothing of the topic.
      const next = await log.claim(id);
      await next.append([record(other, 'a', '3')]);
      await assert.rejects(next.append([record(topic, 'a', '3')]), TopicRecreatedError);
      const reader = await log.read(other, 'beginning');
      assert.deepEqual(shown(await readAll(log, reader, other)), ['a=3']);
      await reader.close();
    },

  'a topic that was deleted and recreated is an alarm to a writer of a log that has read more of it': async ({
    harness,
    log,
    newTopic,
    newId,
  }) => {
    const topic = await newTopic();
    const elsewhere = harness.connect();
    await (await elsewhere.claim(newId())).append([record(topic, 'a', '1'), record(topic, 'b', '1')]);
    const reader = await log.read(topic, 'beginning');
    await readAll(log, reader, topic);
    await reader.close();
    const writer = await log.claim(newId());
    await harness.recreateTopic(topic);
    await assert.rejects(writer.append([record(topic, 'a', '2')]), TopicRecreatedError);
    await elsewhere.close();
  },

  'after compaction the newest record of each key is left, and the reader still gets to the end': async ({
    harness,
    log,
    newId,
  }) => {
    const topic = await createTopic(log, harness.uniqueName('compacted'), harness.compactingConfig);
    const writer = await log.claim(newId());
    for (let round = 0; round < 10; round += 1) {
      await writer.append([record(topic, 'a', `${round}`), record(topic, 'b', `${round}`)]);
    }
    await writer.append([record(topic, 'b', 'dropped'), record(topic, 'b', null)]);
    await harness.compact(topic);
    const reader = await log.read(topic, 'beginning');
    const records = await readAll(log, reader, topic);
    assert.equal(reader.position, await log.endOffset(topic));
    assert.deepEqual(
      shown(records).filter((entry) => !entry.startsWith('filler')),
      ['a=9'],
    );
    await reader.close();
  },

  'a closed reader and a closed writer refuse to go on': async ({ log, newTopic, newId }) => {
    const topic = await newTopic();
    const reader = await log.read(topic, 'beginning');
    const waiting = assert.rejects(reader.next(never), LogUnavailableError);
    await reader.close();
    await waiting;
    await assert.rejects(reader.next(never), LogUnavailableError);
    const writer = await log.claim(newId());
    await writer.close();
    await assert.rejects(writer.append([record(topic, 'a', '1')]), OutcomeUnknownError);
  },
};
