import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  type EventLog,
  type LogReader,
  type LogRecord,
  LogUnavailableError,
  type LogWriter,
  OutcomeUnknownError,
  TopicRecreatedError,
  WriterFencedError,
} from '@slotcast/event-log';
import { freePort, type KafkaServer, startKafka, waitUntil } from '@slotcast/testkit';
import { createTopic, never, readAll, record, text } from '../contract-context.ts';
import { connectTo } from './harness.ts';

const TOPIC = 'numbers';
const WRITER = 'counter';

/** Reads until it is closed. */
function collect(reader: LogReader): { readonly records: LogRecord[]; readonly ended: Promise<unknown> } {
  const records: LogRecord[] = [];
  const read = async (): Promise<unknown> => {
    try {
      for (;;) {
        records.push(...(await reader.next(never)).records);
      }
    } catch (error) {
      return error;
    }
  };
  return { records, ended: read() };
}

function numbersOf(records: readonly LogRecord[]): readonly number[] {
  return records.map(({ value }) => Number(text(value)));
}

/** Claims again as often as it takes, and says which number the log ends with. */
async function reclaim(log: EventLog): Promise<{ readonly writer: LogWriter; readonly last: number }> {
  return waitUntil(
    async () => {
      try {
        const writer = await log.claim(WRITER);
        const reader = await log.read(TOPIC, 'beginning');
        const last = numbersOf(await readAll(log, reader, TOPIC)).at(-1) ?? 0;
        await reader.close();
        return { writer, last };
      } catch (error) {
        assert.ok(error instanceof LogUnavailableError, String(error));
        return undefined;
      }
    },
    { describe: 'a successful claim', timeoutMs: 60_000 },
  );
}

/** Appends 1, 2, 3 … each in a transaction, until it has come to `goal`; whatever fails is looked up and gone on from. */
async function count(log: EventLog, goal: () => number): Promise<number> {
  let outages = 0;
  let { writer, last } = await reclaim(log);
  while (last < goal()) {
    try {
      await writer.append([record(TOPIC, `key${last % 5}`, String(last + 1))]);
      last += 1;
    } catch (error) {
      // A broker that comes back may have timed the transaction out, which Kafka reports like a fencing.
      assert.ok(error instanceof OutcomeUnknownError || error instanceof WriterFencedError, String(error));
      outages += 1;
      ({ writer, last } = await reclaim(log));
    }
  }
  return outages;
}

describe('an outage of Kafka', () => {
  test('in the middle of reading and publishing loses nothing and repeats nothing', {
    timeout: 180_000,
  }, async () => {
    await using kafka = await startKafka();
    // Shorter than the first outage, which kafkajs could otherwise sit out within one append.
    const publishing = connectTo(kafka.bootstrapServers, { operationTimeoutMs: 2_000 });
    const reading = connectTo(kafka.bootstrapServers);
    await createTopic(publishing, TOPIC);
    const reader = await reading.read(TOPIC, 'beginning');
    const { records, ended } = collect(reader);
    let goal = Number.POSITIVE_INFINITY;
    const counting = count(publishing, () => goal);
    const readMore = async (): Promise<void> => {
      const enough = records.length + 50;
      await waitUntil(() => records.length >= enough, { describe: '50 more records', timeoutMs: 60_000 });
    };
    await readMore();
    await kafka.kill();
    await kafka.start();
    await readMore();
    await kafka.stop();
    await kafka.start();
    await readMore();
    goal = numbersOf(records).at(-1) ?? 0;
    goal += 20;
    assert.ok((await counting) >= 1, 'an outage hit the publisher');
    await waitUntil(() => numbersOf(records).at(-1) === goal, { describe: 'the last number' });
    assert.deepEqual(
      numbersOf(records),
      Array.from({ length: goal }, (_, index) => index + 1),
    );
    await reading.close();
    assert.ok((await ended) instanceof LogUnavailableError);
    await publishing.close();
  });

  test('lets calls fail in bounded time while readers wait, and says so louder and louder', {
    timeout: 180_000,
  }, async () => {
    await using kafka = await startKafka();
    const levels: string[] = [];
    const log = connectTo(kafka.bootstrapServers, {
      operationTimeoutMs: 2_000,
      logger: (level) => levels.push(level),
    });
    // Brokers take their time for the first claim of all.
    const patientLog = connectTo(kafka.bootstrapServers);
    await createTopic(patientLog, TOPIC);
    await (await patientLog.claim(WRITER)).close();
    await patientLog.close();
    const writer = await log.claim(WRITER);
    const patient = await log.read(TOPIC, 'beginning');
    const waiting = patient.next(AbortSignal.timeout(100_000));
    await writer.append([record(TOPIC, 'a', '1')]);
    assert.deepEqual(numbersOf((await waiting).records), [1]);
    const impatientLog = connectTo(kafka.bootstrapServers, {
      operationTimeoutMs: 1_000,
      readerDeadlineMs: 2_000,
    });
    const impatient = await impatientLog.read(TOPIC, patient.position);
    await kafka.kill();

    const next = patient.next(AbortSignal.timeout(100_000));
    const started = performance.now();
    await assert.rejects(writer.append([record(TOPIC, 'a', '2')]), OutcomeUnknownError);
    await assert.rejects(log.claim(WRITER), LogUnavailableError);
    await assert.rejects(log.endOffset(TOPIC), LogUnavailableError);
    await assert.rejects(log.describeTopic(TOPIC), LogUnavailableError);
    await assert.rejects(log.read(TOPIC, 'beginning'), LogUnavailableError);
    assert.ok(performance.now() - started < 5 * 4_000, `it took ${performance.now() - started} ms`);
    await assert.rejects(impatient.next(AbortSignal.timeout(60_000)), LogUnavailableError);
    await waitUntil(() => levels.includes('warn'), { describe: 'a warning', timeoutMs: 60_000 });

    await kafka.start();
    await waitUntil(
      async () => {
        try {
          await (await log.claim(WRITER)).append([record(TOPIC, 'a', '3')]);
          return true;
        } catch (error) {
          assert.ok(
            error instanceof LogUnavailableError || error instanceof OutcomeUnknownError,
            String(error),
          );
          return false;
        }
      },
      { describe: 'an append after the outage' },
    );
    assert.equal(numbersOf((await next).records).at(-1), 3);
    await log.close();
    await impatientLog.close();
  });

  test('after which other brokers answer at the same address is an alarm', { timeout: 180_000 }, async () => {
    const ports = { broker: await freePort(), controller: await freePort() };
    const fill = async (kafka: KafkaServer, records: number): Promise<EventLog> => {
      const log = connectTo(kafka.bootstrapServers);
      await createTopic(log, TOPIC);
      const writer = await log.claim(WRITER);
      for (let number = 1; number <= records; number += 1) {
        await writer.append([record(TOPIC, 'a', String(number))]);
      }
      return log;
    };
    const first = await startKafka({ ports });
    const log = await fill(first, 3);
    const reader = await log.read(TOPIC, 'beginning');
    await readAll(log, reader, TOPIC);
    await first[Symbol.asyncDispose]();
    await using second = await startKafka({ ports });
    // Longer than the one that was read, so that no offset gives it away.
    const other = await fill(second, 10);
    await assert.rejects(reader.next(AbortSignal.timeout(60_000)), TopicRecreatedError);
    await log.close();
    await other.close();
  });
});
