/**
 * For each private part of kafkajs that a patch replaces: that the part is still what the patch takes it for, with the defect, and that the
 * patch still reaches whoever uses it. Whoever raises the version of kafkajs sees here which patch is needed no more, or does nothing.
 */
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { before, describe, test } from 'node:test';
import { createKafkaLog } from '@slotcast/event-log';
import kafkajs from 'kafkajs';

const TIMEOUT = { timeout: 10_000 };
const require = createRequire(import.meta.url);

const BATCH = 'kafkajs/src/consumer/batch';
const CLUSTER = 'kafkajs/src/cluster';
const CREATE_TOPICS = 'kafkajs/src/protocol/requests/createTopics';
const DECODE_MESSAGES = 'kafkajs/src/protocol/requests/fetch/v4/decodeMessages';
const RECORD_BATCH = 'kafkajs/src/protocol/recordBatch/v0/decoder';

const quiet = { debug: () => undefined, info: () => undefined, namespace: (): unknown => quiet };

/** Applied for the whole process by the first log that is made; it connects to nothing. */
async function applyPatches(): Promise<void> {
  const log = createKafkaLog({ brokers: ['127.0.0.1:1'], clientId: 'patches', logger: () => undefined });
  await log.close();
}

/** A batch of offsets 7 to 10 as a broker sends it, of which compaction has left nothing. */
function emptiedBatch(): Buffer {
  const bytes = Buffer.alloc(61);
  bytes.writeBigInt64BE(7n, 0);
  bytes.writeInt32BE(bytes.length - 12, 8);
  bytes.writeInt8(2, 16);
  bytes.writeInt32BE(3, 23);
  return bytes;
}

interface Decoded {
  readonly offset: string;
}

async function decodeBatch(): Promise<readonly Decoded[]> {
  const Decoder: new (bytes: Buffer) => object = require('kafkajs/src/protocol/decoder');
  const decode: (decoder: object) => Promise<{ records: Decoded[] }> = require(RECORD_BATCH);
  return (await decode(new Decoder(emptiedBatch()))).records;
}

/** As the answer to a fetch is read. */
async function decodeFetched(): Promise<readonly Decoded[]> {
  const Decoder: new (bytes: Buffer) => object = require('kafkajs/src/protocol/decoder');
  const decode: (decoder: object) => Promise<Decoded[]> = require(DECODE_MESSAGES);
  const size = Buffer.alloc(4);
  size.writeInt32BE(emptiedBatch().length);
  return decode(new Decoder(Buffer.concat([size, emptiedBatch()])));
}

interface RequestQueue {
  throttledUntil: number;
  readonly throttleCheckTimeoutId: unknown;
  push(request: object): void;
  checkPendingRequests(): void;
  createSocketRequest(request: object): { readonly requestTimeout: number };
  destroy(): void;
}

function requestQueue(): RequestQueue {
  const Queue: new (options: object) => RequestQueue = require('kafkajs/src/network/requestQueue');
  return new Queue({ requestTimeout: 10_000, clientId: 'test', broker: 'none', logger: quiet });
}

function isArmedWhenIdle(): boolean {
  const queue = requestQueue();
  queue.checkPendingRequests();
  const armed = queue.throttleCheckTimeoutId !== null;
  queue.destroy();
  return armed;
}

function limitOf(apiKey: number): number {
  const entry = { apiKey, correlationId: 1 };
  return requestQueue().createSocketRequest({ entry, expectResponse: true }).requestTimeout;
}

function newCluster(): object {
  const Cluster: new (options: object) => object = require(CLUSTER);
  return new Cluster({ logger: quiet, brokers: ['127.0.0.1:1'] });
}

/** For how many milliseconds kafkajs puts off a claim that is told once that a transaction is still being ended: by its log, not by a clock. */
async function waitOfBusyClaim(): Promise<number> {
  const createManager: (options: object) => {
    initProducerId(): Promise<void>;
  } = require('kafkajs/src/producer/eosManager');
  let asked = 0;
  const coordinator = {
    initProducerId: async () => {
      asked += 1;
      if (asked === 1) {
        throw Object.assign(new Error('busy'), { type: 'CONCURRENT_TRANSACTIONS' });
      }
      return { producerId: '1', producerEpoch: 0 };
    },
  };
  const cluster = Object.assign(newCluster(), {
    refreshMetadataIfNecessary: async () => undefined,
    findGroupCoordinator: async () => coordinator,
  });
  const waits: number[] = [];
  const logger = {
    debug: (_message: string, details?: { readonly retryTime?: number }) => {
      waits.push(...(details?.retryTime === undefined ? [] : [details.retryTime]));
    },
  };
  await createManager({ logger, cluster, transactional: true, transactionalId: 'x' }).initProducerId();
  const [wait, ...others] = waits;
  assert.ok(wait !== undefined && others.length === 0, `it said ${waits.length} times how long it waits`);
  assert.equal(asked, 2);
  return wait;
}

/** What becomes of a reader whose offset is gone. */
async function fetchOfGoneOffset(): Promise<string> {
  interface Group {
    fetch(nodeId: string): Promise<unknown>;
  }
  const { prototype }: { prototype: Group } = require('kafkajs/src/consumer/consumerGroup');
  const gone = Object.assign(new Error('gone'), {
    name: 'KafkaJSOffsetOutOfRange',
    topic: 't',
    partition: 0,
  });
  let outcome = 'nothing';
  const group: Group = Object.assign(Object.create(prototype), {
    cluster: { refreshMetadataIfNecessary: () => Promise.reject(gone) },
    logger: { error: () => undefined },
    preferredReadReplicasPerTopicPartition: {},
    offsetManager: {
      setDefaultOffset: async () => {
        outcome = 'set to another offset';
      },
    },
  });
  await group.fetch('1').catch((error: unknown) => {
    outcome = error === gone ? 'refused' : String(error);
  });
  return outcome;
}

/** What is said when no broker could answer. */
async function askBrokersInVain(): Promise<unknown> {
  const Pool: new (
    options: object,
  ) => {
    withBroker(ask: () => Promise<unknown>): Promise<unknown>;
  } = require('kafkajs/src/cluster/brokerPool');
  const broker = { isConnected: () => true };
  const pool = Object.assign(new Pool({ logger: quiet }), {
    brokers: { 1: broker, 2: broker },
    connectBroker: async () => undefined,
  });
  return pool.withBroker(() => Promise.reject(new Error('not permitted'))).catch((error: unknown) => error);
}

/** The reason that kafkajs gives for a topic that a broker refused with a reason. */
async function refusedTopic(version: number): Promise<string> {
  const { parse }: { parse: (answer: object) => Promise<unknown> } = require(
    `${CREATE_TOPICS}/v${version}/response`,
  );
  const topicErrors = [{ topic: 't', errorCode: 40, errorMessage: 'no such setting' }];
  const refused: unknown = await parse({ topicErrors }).catch((error: unknown) => error);
  assert.ok(refused instanceof kafkajs.KafkaJSAggregateError);
  const [reason] = refused.errors;
  return reason instanceof Error ? reason.message : String(reason);
}

describe('kafkajs without its patches', () => {
  test('has the defects that they are for', TIMEOUT, async () => {
    assert.deepEqual(await decodeBatch(), []);
    assert.equal(isArmedWhenIdle(), true);
    assert.equal(limitOf(3), 10_000);
    assert.equal(Reflect.get(newCluster(), 'retry'), undefined);
    assert.ok((await waitOfBusyClaim()) >= 240);
    assert.equal(await fetchOfGoneOffset(), 'set to another offset');
    assert.equal(await askBrokersInVain(), null);
    assert.notEqual(await refusedTopic(1), 'no such setting');
  });

  test('reads the decoder that is replaced only with the first fetch', () => {
    assert.equal(require.cache[require.resolve(DECODE_MESSAGES)], undefined);
  });
});

describe('kafkajs with its patches', () => {
  before(applyPatches);

  test('takes its position over a batch that compaction has emptied', TIMEOUT, async () => {
    const Batch: new (
      topic: string,
      fetched: string,
      data: object,
    ) => { readonly messages: unknown[]; isEmptyDueToFiltering(): boolean; lastOffset(): string } = require(
      BATCH,
    );
    const messages = await decodeFetched();
    const batch = new Batch('t', '7', { partition: 0, highWatermark: '100', messages });
    // Only then kafkajs goes on from the last offset; from a batch without records it would go on where it was.
    assert.equal(batch.isEmptyDueToFiltering(), true);
    assert.equal(batch.lastOffset(), '10');
    assert.deepEqual(batch.messages, []);
  });

  test('arms no timer while nothing waits, and sends what does', TIMEOUT, async () => {
    assert.equal(isArmedWhenIdle(), false);
    const queue = requestQueue();
    queue.throttledUntil = Date.now() + 20;
    const sent = new Promise<void>((resolve) => {
      queue.push({ entry: { apiKey: 3, correlationId: 1 }, expectResponse: true, sendRequest: resolve });
    });
    await sent;
    queue.destroy();
  });

  test('has a shorter limit for what a broker answers from memory', TIMEOUT, () => {
    assert.deepEqual([limitOf(3), limitOf(18), limitOf(0)], [2_500, 2_500, 10_000]);
  });

  test('claims again within milliseconds while a transaction is being ended', TIMEOUT, async () => {
    const ms = await waitOfBusyClaim();
    assert.ok(ms <= 11, `it waits ${ms} ms`);
  });

  test('refuses an offset that is gone', TIMEOUT, async () => {
    assert.equal(await fetchOfGoneOffset(), 'refused');
  });

  test('says why no broker answered', TIMEOUT, async () => {
    assert.match(String(await askBrokersInVain()), /not permitted/);
  });

  test(
    'gives the reason for which a broker refuses a topic, in each version of the request that has one',
    TIMEOUT,
    async () => {
      const { versions }: { versions: string[] } = require(CREATE_TOPICS);
      assert.deepEqual(versions, ['0', '1', '2', '3']);
      for (const version of [1, 2, 3]) {
        assert.equal(await refusedTopic(version), 'no such setting', `version ${version}`);
      }
    },
  );
});
