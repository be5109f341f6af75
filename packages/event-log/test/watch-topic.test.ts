import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type LogUnavailableError, MemoryLog, TopicRecreatedError, watchTopic } from '@slotcast/event-log';
import { systemClock } from '@slotcast/kernel';
import { waitUntil } from '@slotcast/testkit';
import { createTopic, record } from './contract-context.ts';

const TIMEOUT = { timeout: 10_000 };

describe('the watch over a topic', () => {
  test(
    'goes on while nobody answers, and then still finds that the topic was made anew',
    TIMEOUT,
    async () => {
      const log = new MemoryLog();
      const topic = await createTopic(log, 'topic');
      await (await log.claim('writer')).append([record(topic, 'a', '1')]);
      const failures: LogUnavailableError[] = [];
      const stop = new AbortController();
      const onFailure = (error: LogUnavailableError): number => failures.push(error);
      const watching = watchTopic({
        log,
        topic,
        intervalMs: 1,
        onFailure,
        clock: systemClock,
        signal: stop.signal,
      });
      const ended = assert.rejects(watching, TopicRecreatedError);
      log.setAvailable(false);
      await waitUntil(() => failures.length >= 3, { describe: 'three questions without an answer' });
      log.setAvailable(true);
      log.recreateTopic(topic);
      await ended;
    },
  );

  test('ends without an error when it is told to', TIMEOUT, async () => {
    const log = new MemoryLog();
    const topic = await createTopic(log, 'topic');
    const stop = new AbortController();
    const watching = watchTopic({
      clock: systemClock,
      log,
      topic,
      intervalMs: 60_000,
      onFailure: assert.fail,
      signal: stop.signal,
    });
    stop.abort();
    await watching;
  });
});
