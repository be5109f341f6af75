import assert from 'node:assert/strict';
import { LogUnavailableError, readToWrittenEnd, replayTopic, WriterFencedError } from '@slotcast/event-log';
import { waitUntil } from '@slotcast/testkit';
import { collectGarbage } from './collect-garbage.ts';
import { type ContractCases, never, readAll, record, shown, text } from './contract-context.ts';

/** How records are appended and read. */
export const recordCases: ContractCases = {
  'records come in the order of appending, with key, value, headers and tombstones': async ({
    log,
    newTopic,
    newId,
  }) => {
    const topic = await newTopic();
    const before = Date.now();
    const writer = await log.claim(newId());
    await writer.append([record(topic, 'a', '1'), record(topic, 'b', '2')]);
    await writer.append([record(topic, 'a', null)]);
    const reader = await log.read(topic, 'beginning');
    const records = await readAll(log, reader, topic);
    assert.deepEqual(shown(records), ['a=1', 'b=2', 'a']);
    assert.deepEqual(
      records.map(({ headers }) => text(headers.get('op'))),
      ['update', 'update', 'drop'],
    );
    assert.ok(
      records.every(({ offset }, index) => index === 0 || offset > (records[index - 1]?.offset ?? 0n)),
    );
    assert.ok(records.every(({ timestamp }) => Math.abs(timestamp - before) < 60_000));
    await reader.close();
    await writer.close();
  },

  'a reader stands at the captured end after the last record, although control records follow it': async ({
    log,
    newTopic,
    newId,
  }) => {
    const topic = await newTopic();
    const writer = await log.claim(newId());
    await writer.append([record(topic, 'a', '1')]);
    const end = await log.endOffset(topic);
    const reader = await log.read(topic, 'beginning');
    const records = await readAll(log, reader, topic);
    assert.ok(end > (records.at(-1)?.offset ?? end) + 1n, 'the end lies behind a control record');
    assert.equal(reader.position, end);
    await reader.close();
  },

  'an empty topic is at its end at once, and a reader of it waits for the first record': async ({
    log,
    newTopic,
    newId,
  }) => {
    const topic = await newTopic();
    assert.equal(await log.endOffset(topic), 0n);
    const reader = await replayTopic({ log, topic, onRecords: () => assert.fail(), signal: never });
    const waiting = reader.next(AbortSignal.timeout(60_000));
    const writer = await log.claim(newId());
    await writer.append([record(topic, 'a', '1')]);
    const { records, position } = await waiting;
    assert.deepEqual(shown(records), ['a=1']);
    assert.equal(reader.position, position);
    await reader.close();
  },

  'a wait ends with the reason of its signal, and the reader goes on afterwards': async ({
    log,
    newTopic,
    newId,
  }) => {
    const topic = await newTopic();
    const reader = await log.read(topic, 'beginning');
    const controller = new AbortController();
    const waiting = reader.next(controller.signal);
    controller.abort(new Error('enough'));
    await assert.rejects(waiting, /enough/);
    await assert.rejects(reader.next(AbortSignal.abort(new Error('never'))), /never/);
    const writer = await log.claim(newId());
    await writer.append([record(topic, 'a', '1')]);
    assert.deepEqual(shown(await readAll(log, reader, topic)), ['a=1']);
    await reader.close();
  },

  'a reader that starts at an offset gets that record and the later ones': async ({
    log,
    newTopic,
    newId,
  }) => {
    const topic = await newTopic();
    const writer = await log.claim(newId());
    await writer.append([record(topic, 'a', '1'), record(topic, 'b', '2'), record(topic, 'c', '3')]);
    const reader = await log.read(topic, 1n);
    assert.equal(reader.position, 1n);
    assert.deepEqual(shown(await readAll(log, reader, topic)), ['b=2', 'c=3']);
    await reader.close();
  },

  'several readers and connections see the same records': async ({ harness, log, newTopic, newId }) => {
    const topic = await newTopic();
    const other = harness.connect();
    const readers = [await log.read(topic, 'beginning'), await other.read(topic, 'beginning')];
    const writer = await log.claim(newId());
    await writer.append([record(topic, 'a', '1')]);
    await writer.append([record(topic, 'a', '2')]);
    for (const reader of readers) {
      assert.deepEqual(shown(await readAll(log, reader, topic)), ['a=1', 'a=2']);
    }
    await other.close();
    await Promise.all(readers.map((reader) => reader.close()));
  },

  'one transaction reaches several topics': async ({ log, newTopic, newId }) => {
    const [slots, nodes] = [await newTopic(), await newTopic()];
    const writer = await log.claim(newId());
    await writer.append([record(slots, 'a', '1'), record(nodes, 'n', '2'), record(slots, 'b', '3')]);
    for (const [topic, expected] of [
      [slots, ['a=1', 'b=3']],
      [nodes, ['n=2']],
    ] as const) {
      const reader = await log.read(topic, 'beginning');
      assert.deepEqual(shown(await readAll(log, reader, topic)), expected);
      await reader.close();
    }
  },

  'appends that are not waited for keep their order': async ({ log, newTopic, newId }) => {
    const topic = await newTopic();
    const writer = await log.claim(newId());
    const numbers = Array.from({ length: 20 }, (_, index) => String(index));
    await Promise.all(numbers.map((number) => writer.append([record(topic, 'a', number)])));
    await writer.append([]);
    const reader = await log.read(topic, 'beginning');
    assert.deepEqual(
      shown(await readAll(log, reader, topic)),
      numbers.map((number) => `a=${number}`),
    );
    await reader.close();
  },

  'an append larger than one message of the broker is still one transaction': async ({
    log,
    newTopic,
    newId,
  }) => {
    const topic = await newTopic();
    const writer = await log.claim(newId());
    const large = 'x'.repeat(1_000);
    const records = Array.from({ length: 3_000 }, (_, index) => record(topic, `key${index}`, large));
    await writer.append(records);
    const reader = await log.read(topic, 'beginning');
    const read = await readAll(log, reader, topic);
    assert.deepEqual(
      read.map(({ key }) => text(key)),
      records.map(({ key }) => text(key)),
    );
    await reader.close();
  },

  'a claim fences the earlier writer, whose records are never seen and who refuses to go on': async ({
    harness,
    log,
    newTopic,
    newId,
  }) => {
    const topic = await newTopic();
    const id = newId();
    const zombie = await log.claim(id);
    await zombie.append([record(topic, 'a', 'before')]);
    const successor = await harness.connect().claim(id);
    await assert.rejects(zombie.append([record(topic, 'a', 'zombie')]), WriterFencedError);
    await assert.rejects(zombie.append([record(topic, 'a', 'zombie again')]), WriterFencedError);
    await successor.append([record(topic, 'a', 'after')]);
    const reader = await log.read(topic, 'beginning');
    assert.deepEqual(shown(await readAll(log, reader, topic)), ['a=before', 'a=after']);
    await reader.close();
    await successor.close();
  },

  'writers of different transactional ids do not fence each other': async ({ log, newTopic, newId }) => {
    const topic = await newTopic();
    const [first, second] = [await log.claim(newId()), await log.claim(newId())];
    await first.append([record(topic, 'a', '1')]);
    await second.append([record(topic, 'a', '2')]);
    await first.append([record(topic, 'a', '3')]);
    const reader = await log.read(topic, 'beginning');
    assert.deepEqual(shown(await readAll(log, reader, topic)), ['a=1', 'a=2', 'a=3']);
    await reader.close();
  },

  'the open transaction of a dead writer hides what follows until a claim aborts it, and is never seen':
    async ({ harness, log, newTopic, newId }) => {
      const topic = await newTopic();
      const id = newId();
      const other = await log.claim(newId());
      await other.append([record(topic, 'a', 'before')]);
      const endBefore = await log.endOffset(topic);
      await harness.leaveOpen(id, [record(topic, 'a', 'dead'), record(topic, 'b', 'dead')]);
      await other.append([record(topic, 'a', 'behind')]);
      assert.equal(await log.endOffset(topic), endBefore);
      const reader = await log.read(topic, 'beginning');
      assert.deepEqual(shown(await readAll(log, reader, topic)), ['a=before']);
      assert.equal(reader.position, endBefore);

      const successor = await log.claim(id);
      assert.deepEqual(shown((await reader.next(AbortSignal.timeout(60_000))).records), ['a=behind']);
      await successor.append([record(topic, 'a', 'after')]);
      assert.deepEqual(shown(await readAll(log, reader, topic)), ['a=after']);
      await reader.close();
    },

  'who reads to the written end has seen what was committed behind the open transaction of another writer':
    async ({ harness, log, newTopic, newId }) => {
      const topic = await newTopic();
      const id = newId();
      const other = await log.claim(newId());
      await other.append([record(topic, 'a', 'before')]);
      await harness.leaveOpen(id, [record(topic, 'b', 'open')]);
      await other.append([record(topic, 'a', 'behind')]);
      const reader = await log.read(topic, 'beginning');
      const read: string[] = [];
      const settle = (patienceMs: number): Promise<void> =>
        readToWrittenEnd({
          log,
          topic,
          reader,
          onRecords: async (records) => {
            read.push(...shown(records));
          },
          signal: never,
          patienceMs,
        });
      await assert.rejects(settle(1_000), LogUnavailableError);
      assert.deepEqual(read, ['a=before']);
      const settled = settle(20_000);
      await log.claim(id);
      await settled;
      assert.deepEqual(read, ['a=before', 'a=behind']);
      assert.ok(reader.position <= (await log.writtenEnd(topic)));
      assert.equal(await log.writtenEnd(topic), await log.endOffset(topic));
      await reader.close();
    },

  'readers and writers are forgotten when they are closed': async ({ log, newTopic, newId }) => {
    const topic = await newTopic();
    const useOnce = async (): Promise<readonly WeakRef<object>[]> => {
      const [reader, writer] = [await log.read(topic, 'beginning'), await log.claim(newId())];
      await writer.append([record(topic, 'a', '1')]);
      await reader.next(AbortSignal.timeout(60_000));
      await Promise.all([reader.close(), writer.close()]);
      return [new WeakRef(reader), new WeakRef(writer)];
    };
    const used = [...(await useOnce()), ...(await useOnce())];
    await waitUntil(
      () => {
        collectGarbage();
        return used.every((reference) => reference.deref() === undefined);
      },
      { describe: 'what is closed to be collected as garbage', timeoutMs: 60_000 },
    );
  },
};
