/**
 * Mends four defects of kafkajs 2.2.4 that no option reaches. Import this before a client is made. The version is
 * pinned and checked, because what is replaced here is private.
 */
import { createRequire } from 'node:module';

const PATCHED_VERSION = '2.2.4';
const require = createRequire(import.meta.url);

type Method = (this: unknown, ...parameters: readonly unknown[]) => unknown;

interface RecordBatch {
  readonly firstOffset: string;
  readonly lastOffsetDelta: number;
  readonly maxTimestamp: string;
  readonly records: unknown[];
}

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
