/**
 * Fixes defects of kafkajs 2.2.4 that no option reaches. Import this before a client is made. The version is
 * pinned and checked, because what is replaced here is private.
 */
import { createRequire } from 'node:module';
import { setImmediate as nextTurn } from 'node:timers/promises';
import kafkajs, { type Kafka } from 'kafkajs';
import { noAnswer } from './broker-connection-error.ts';

const PATCHED_VERSION = '2.2.4';
const require = createRequire(import.meta.url);

type Method = (this: unknown, ...parameters: readonly unknown[]) => unknown;

interface RecordBatch {
  readonly firstOffset: string;
  readonly lastOffsetDelta: number;
  readonly maxTimestamp: string;
  readonly records: unknown[];
}

/** The first request on the first connection to a broker. */
const API_VERSIONS = 18;
/** What a broker answers from memory, by its number in the protocol. The others may have to wait for disks, replicas or members. */
const quickRequests: ReadonlySet<unknown> = new Set([
  2, // ListOffsets
  3, // Metadata
  10, // FindCoordinator
  12, // Heartbeat
  17, // SaslHandshake
  API_VERSIONS,
  32, // DescribeConfigs
]);
const READ_UNCOMMITTED = 0;
/** For the quick ones. A broker that stands still accepts connections all the same. */
const QUICK_REQUEST_MS = 2_500;

let applied = false;

/** Applies the patches to the kafkajs of this process, once. Throws when another version is installed. */
export function applyKafkajsPatches(): void {
  if (applied) {
    return;
  }
  const version = property(require('kafkajs/package.json'), 'version');
  if (version !== PATCHED_VERSION) {
    throw new Error(
      `kafkajs ${String(version)} is installed, but its patches are written for ${PATCHED_VERSION}: install that version`,
    );
  }
  markEndOfBatches();
  stopIdleTimer();
  refuseOffsetReset();
  quickenClaims();
  limitQuickRequests();
  closeSilentConnections();
  askEveryBroker();
  tellWhyTopicsAreRefused();
  applied = true;
}

/**
 * After compaction a record batch can end before its last offset, or hold no record at all. kafkajs takes its next
 * position from the last record and so asks for an emptied batch again for ever. A control record at the batch's own
 * last offset, which kafkajs counts but hands to no one, carries it over.
 */
function markEndOfBatches(): void {
  const path = require.resolve('kafkajs/src/protocol/recordBatch/v0/decoder');
  const decode = asMethod(require(path), path);
  const loaded = require.cache[path];
  if (loaded === undefined) {
    throw new Error(`${path} is not in the module cache after it was loaded`);
  }
  loaded.exports = async (decoder: unknown): Promise<RecordBatch> => {
    const batch = await decode(decoder);
    if (!isRecordBatch(batch)) {
      throw new TypeError(`${path} gave something other than a record batch`);
    }
    const last = BigInt(batch.firstOffset) + BigInt(batch.lastOffsetDelta);
    if (offsetOf(batch.records.at(-1)) !== last.toString()) {
      batch.records.push({
        magicByte: 2,
        attributes: 0,
        timestamp: batch.maxTimestamp,
        offset: last.toString(),
        key: null,
        value: null,
        headers: {},
        isControlRecord: true,
        batchContext: batch,
      });
    }
    return batch;
  };
}

/** Each connection re-arms a timer of 1 ms for ever, to look for requests that wait, although nothing waits. */
function stopIdleTimer(): void {
  const prototype = prototypeOf('kafkajs/src/network/requestQueue');
  const schedule = asMethod(prototype['scheduleCheckPendingRequests'], 'scheduleCheckPendingRequests');
  prototype['scheduleCheckPendingRequests'] = function (this: unknown): unknown {
    const pending = property(this, 'pending');
    return Array.isArray(pending) && pending.length === 0 ? undefined : schedule.call(this);
  };
}

/** On OFFSET_OUT_OF_RANGE kafkajs goes to another offset without a word. For slotcast it means another topic. */
function refuseOffsetReset(): void {
  const prototype = prototypeOf('kafkajs/src/consumer/consumerGroup');
  asMethod(prototype['recoverFromOffsetOutOfRange'], 'recoverFromOffsetOutOfRange');
  prototype['recoverFromOffsetOutOfRange'] = async (outOfRange: unknown): Promise<never> => {
    throw outOfRange;
  };
}

/**
 * The transaction manager takes its retry settings from `cluster.retry`, which nobody sets: a claim that has to abort
 * the transaction of its predecessor then waits 300 ms for what takes the broker 5.
 */
function quickenClaims(): void {
  prototypeOf('kafkajs/src/cluster')['retry'] = {
    initialRetryTime: 10,
    maxRetryTime: 500,
    multiplier: 1.5,
    factor: 0.1,
    retries: 25,
  };
}

/** kafkajs takes the longer of its general limit and that of a request, so that there is no short one for the first question to a broker. */
function limitQuickRequests(): void {
  const prototype = prototypeOf('kafkajs/src/network/requestQueue');
  const create = asMethod(prototype['createSocketRequest'], 'createSocketRequest');
  prototype['createSocketRequest'] = function (this: unknown, pushed: unknown): unknown {
    const request = create.call(this, pushed);
    if (isObject(request) && quickRequests.has(property(property(pushed, 'entry'), 'apiKey'))) {
      request['requestTimeout'] = Math.min(Number(request['requestTimeout']), QUICK_REQUEST_MS);
    }
    return request;
  };
}

/**
 * kafkajs keeps a connection on which a request was not answered in time, and puts the next ones on it. A broker answers in order, so
 * nothing will come on it. As a broken connection it makes kafkajs turn to another broker, and so it is with one that was closed
 * before its first answer, after which kafkajs would try the same broker again and again.
 */
function closeSilentConnections(): void {
  const prototype = prototypeOf('kafkajs/src/network/connection');
  const send = asMethod(prototype['send'], 'send');
  prototype['send'] = async function (this: unknown, sent: unknown): Promise<unknown> {
    try {
      return await send.call(this, sent);
    } catch (error) {
      const request = property(sent, 'request');
      const broker = String(property(this, 'broker'));
      const kind = property(error, 'name');
      if (kind === 'KafkaJSConnectionClosedError' && property(request, 'apiKey') === API_VERSIONS) {
        throw new kafkajs.KafkaJSConnectionError(`${broker} closed the connection without an answer`, {
          broker,
          code: 'ECONNRESET',
        });
      }
      if (kind !== 'KafkaJSRequestTimeoutError') {
        throw error;
      }
      const what = `accepted the connection but did not answer the request ${String(property(request, 'apiName'))} in time`;
      const socket = property(this, 'socket');
      asMethod(property(socket, 'destroy'), 'destroy').call(socket, noAnswer(what));
      // The socket tells of it a moment later, and the next attempt must know.
      await nextTurn();
      throw new kafkajs.KafkaJSConnectionError(`${broker} ${what}`, { broker, code: 'ETIMEDOUT' });
    }
  };
}

/**
 * A question to any broker ends for kafkajs at the first one that cannot be reached; and when none could answer it is silent about why, so
 * that a missing permission looks like a missing coordinator. Those that are connected come first.
 */
function askEveryBroker(): void {
  const prototype = prototypeOf('kafkajs/src/cluster/brokerPool');
  const original = asMethod(prototype['withBroker'], 'withBroker');
  const find = asMethod(prototype['findBroker'], 'findBroker');
  prototype['withBroker'] = async function (this: unknown, ask: unknown): Promise<unknown> {
    const brokers = Object.entries(asObject(property(this, 'brokers'), 'brokers'));
    if (brokers.length === 0) {
      return original.call(this, ask);
    }
    let failure: unknown;
    for (const [nodeId] of brokers.toSorted(
      ([, a], [, b]) => Number(isConnected(b)) - Number(isConnected(a)),
    )) {
      try {
        const broker = await find.call(this, { nodeId });
        return await asMethod(ask, 'callback').call(undefined, { nodeId, broker });
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  };
}

function isConnected(broker: unknown): boolean {
  return asMethod(property(broker, 'isConnected'), 'isConnected').call(broker) === true;
}

/** A broker says which setting, policy or name it refuses. kafkajs reads that, and throws it away. */
function tellWhyTopicsAreRefused(): void {
  for (const version of [1, 2, 3]) {
    const path = `kafkajs/src/protocol/requests/createTopics/v${version}/response`;
    const response = asObject(require(path), path);
    const parse = asMethod(response['parse'], `${path} parse`);
    response['parse'] = async (answer: unknown): Promise<unknown> => {
      try {
        return await parse(answer);
      } catch (error) {
        const reasons = arrayOf(property(answer, 'topicErrors'));
        for (const single of arrayOf(property(error, 'errors'))) {
          const reason = reasons.find((one) => property(one, 'topic') === property(single, 'topic'));
          const text = property(reason, 'errorMessage');
          if (isObject(single) && typeof text === 'string' && text !== '') {
            single['message'] = text;
          }
        }
        throw error;
      }
    };
  }
}

/** Has the questions of a client count what is written and not decided yet: kafkajs offers that to consumers only. */
export function readUncommitted(client: Kafka): void {
  const key = Object.getOwnPropertySymbols(client).find(
    ({ description }) => description === 'private:Kafka:createCluster',
  );
  const create = key && Reflect.get(client, key);
  if (key === undefined || !isMethod(create)) {
    throw new TypeError('kafkajs has no function createCluster');
  }
  const isolation = { isolationLevel: READ_UNCOMMITTED };
  Reflect.set(client, key, (options: object) => create({ ...options, ...isolation }));
}

function prototypeOf(path: string): Record<string, unknown> {
  const prototype = property(require(path), 'prototype');
  if (!isObject(prototype)) {
    throw new TypeError(`${path} is not a class`);
  }
  return prototype;
}

function asMethod(value: unknown, name: string): Method {
  if (!isMethod(value)) {
    throw new TypeError(`kafkajs has no function ${name}`);
  }
  return value;
}

function asObject(value: unknown, name: string): Record<string, unknown> {
  if (!isObject(value)) {
    throw new TypeError(`kafkajs has no object ${name}`);
  }
  return value;
}

function arrayOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function isMethod(value: unknown): value is Method {
  return typeof value === 'function';
}

function property(value: unknown, name: string): unknown {
  return isObject(value) || isMethod(value) ? Reflect.get(value, name) : undefined;
}

function offsetOf(record: unknown): unknown {
  return property(record, 'offset');
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function isRecordBatch(value: unknown): value is RecordBatch {
  return (
    isObject(value) &&
    typeof value['firstOffset'] === 'string' &&
    typeof value['lastOffsetDelta'] === 'number' &&
    typeof value['maxTimestamp'] === 'string' &&
    Array.isArray(value['records'])
  );
}
