import { after, before, describe, test } from 'node:test';
import type { EventLog } from '@slotcast/event-log';
import { type ContractHarness, createTopic } from './contract-context.ts';
import { recordCases } from './contract-records.ts';
import { topicCases } from './contract-topics.ts';

/** Tests the behaviour that every adapter of the port has. */
export function testContract(adapter: string, open: () => Promise<ContractHarness>): void {
  void describe(adapter, () => {
    let harness: ContractHarness;
    let log: EventLog;

    before(async () => {
      harness = await open();
      log = harness.connect();
    });

    after(async () => {
      await log.close();
      await harness.close();
    });

    for (const [title, run] of Object.entries({ ...recordCases, ...topicCases })) {
      void test(title, { timeout: 60_000 }, () =>
        run({
          harness,
          log,
          newTopic: () => createTopic(log, harness.uniqueName('topic')),
          newId: () => harness.uniqueName('writer'),
        }),
      );
    }
  });
}
