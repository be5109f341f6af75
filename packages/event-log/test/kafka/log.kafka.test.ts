import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { EventLog } from '@slotcast/event-log';
import { sharedKafka, uniqueName, waitUntil } from '@slotcast/testkit';
import { testContract } from '../contract.ts';
import { createTopic, readAll, record, shown } from '../contract-context.ts';
import {
  compactingConfig,
  connectTo,
  openKafkaHarness,
  openTransaction,
  SEGMENT_MS,
  withAdmin,
} from './harness.ts';

testContract('the log on Kafka', openKafkaHarness);

describe('the log on Kafka, where it differs from one in memory', () => {
  let bootstrapServers: string;
  let log: EventLog;

  before(async () => {
    bootstrapServers = await sharedKafka();
    log = connectTo(bootstrapServers);
  });

  after(() => log.close());

  test('a closed segment that ends in a batch emptied by compaction does not stop the reader', {
    timeout: 180_000,
  }, async () => {
    const topic = await createTopic(log, uniqueName('emptied'), compactingConfig);
    const writer = await log.claim(uniqueName('writer'));
    await writer.append([record(topic, 'a', '1')]);
    await writer.append([record(topic, 'a', '2')]);
    // The marker of the abort closes the segment before it. Of the records the cleaner then leaves an empty batch there,
    // because it must keep the last batch of a writer.
    const died = performance.now();
    const transaction = await openTransaction(bootstrapServers, uniqueName('dead'), [
      record(topic, 'b', 'dead'),
    ]);
    await waitUntil(() => performance.now() - died > SEGMENT_MS * 1.5, {
      describe: 'a segment to be old enough',
    });
    await transaction.abort();
    await waitUntil(
      async () => {
        const reader = await log.read(topic, 'beginning');
        const records = await readAll(log, reader, topic);
        await reader.close();
        return shown(records).join() === 'a=2';
      },
      { describe: 'the compaction to leave only the newest record', intervalMs: 200 },
    );
  });

  test('a reader leaves no consumer group behind', { timeout: 180_000 }, async () => {
    const clientId = uniqueName('client');
    const groups = (): Promise<readonly string[]> =>
      withAdmin(bootstrapServers, async (admin) =>
        (await admin.listGroups()).groups
          .map(({ groupId }) => groupId)
          .filter((id) => id.startsWith(clientId)),
      );
    const named = connectTo(bootstrapServers, { clientId });
    const topic = await createTopic(named, uniqueName('topic'));
    const writer = await named.claim(uniqueName('writer'));
    await writer.append([record(topic, 'a', '1')]);
    const reader = await named.read(topic, 'beginning');
    await readAll(named, reader, topic);
    assert.equal((await groups()).length, 1);
    await named.close();
    assert.deepEqual(await groups(), []);
  });
});
