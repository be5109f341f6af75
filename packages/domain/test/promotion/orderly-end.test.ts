import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  isOrderlyEnd,
  type Lsn,
  lastRecordFrom,
  lsn,
  noteReceiver,
  type ReceiverWatch,
  type SeenReceiver,
  shutdownCheckpoint,
  timeline,
} from '@slotcast/domain';
import { at } from '../event-examples.ts';

const SECOND = timeline(2);
const PAGE = 8192;

/** WAL that ends with a shutdown checkpoint at this position, as a server writes it over the ends of pages. */
function walUpTo(end: Lsn, change: (record: DataView) => void = () => undefined) {
  const from = lastRecordFrom(end);
  assert.ok(from);
  const bytes = new Uint8Array(Number(end - from)).fill(7);
  const places = [...bytes.keys()].filter((index) => index % PAGE >= 24).slice(-120);
  const start = lsn(from + BigInt(places[0] ?? 0));
  for (let page = 0; page < bytes.length; page += PAGE) {
    bytes.fill(0, page, page + 24);
  }
  const record = new DataView(new ArrayBuffer(120));
  record.setUint32(0, 114, true);
  record.setBigUint64(8, start - 64n, true);
  record.setUint8(24, 255);
  record.setUint8(25, 88);
  record.setBigUint64(26, start, true);
  record.setUint32(34, SECOND, true);
  change(record);
  places.forEach((place, index) => {
    bytes[place] = record.getUint8(index);
  });
  return { stretch: { from, bytes }, start };
}

describe('the shutdown checkpoint at the end of WAL', { timeout: 20_000 }, () => {
  test('is found wherever in a page it lies, and over the end of one', () => {
    for (const offset of [1000, 160, 152, 120, 24 + 8, 0]) {
      const { stretch, start } = walUpTo(lsn(BigInt(20 * PAGE + offset)));
      assert.equal(shutdownCheckpoint(stretch, SECOND), start, `at ${offset}`);
    }
  });

  test('is no other record', () => {
    const changes: readonly ((record: DataView) => void)[] = [
      (record) => record.setUint32(0, 106, true),
      (record) => record.setUint32(4, 700, true),
      (record) => record.setBigUint64(8, BigInt(30 * PAGE), true),
      (record) => record.setUint8(16, 0x10),
      (record) => record.setUint8(17, 10),
      (record) => record.setUint8(24, 254),
      (record) => record.setUint8(25, 80),
      (record) => record.setBigUint64(26, record.getBigUint64(26, true) - 8n, true),
      (record) => record.setUint32(34, 1, true),
    ];
    changes.forEach((change, index) => {
      const { stretch } = walUpTo(lsn(BigInt(20 * PAGE + 1000)), change);
      assert.equal(shutdownCheckpoint(stretch, SECOND), undefined, `change ${index}`);
    });
    assert.equal(shutdownCheckpoint({ from: lsn(8192n), bytes: new Uint8Array(0) }, SECOND), undefined);
  });

  test('cannot be looked for before the first page', () => {
    assert.equal(lastRecordFrom(lsn(100n)), undefined);
  });
});

const SHUTDOWN = lsn(5000n);

function seen(messageAt: string, toldEnd: bigint, processId = 1): SeenReceiver {
  return { processId, timeline: SECOND, messageAt, toldEnd: lsn(toldEnd) };
}

/** Looks a tenth of a second apart. */
function watchOf(...looks: readonly (SeenReceiver | undefined)[]): ReceiverWatch | undefined {
  return looks.reduce<ReceiverWatch | undefined>(
    (watch, look, index) => noteReceiver(watch, look, index * 100),
    undefined,
  );
}

describe('an orderly end of the server before', { timeout: 20_000 }, () => {
  const heard = watchOf(seen('a', 4000n), seen('b', 4500n), undefined);
  const orderly = { shutdownLsn: SHUTDOWN, receiver: heard, lastOrigin: { lsn: at(4400) }, endedAtMs: 5000 };

  test('is proven by its last record, when that came in a session which was heard before', () => {
    assert.equal(isOrderlyEnd(orderly), true);
    assert.equal(isOrderlyEnd({ ...orderly, lastOrigin: undefined }), true);
  });

  test('is not, when another record was the last one, or nobody looked', () => {
    assert.equal(isOrderlyEnd({ ...orderly, shutdownLsn: undefined }), false);
    assert.equal(isOrderlyEnd({ ...orderly, receiver: undefined }), false);
  });

  test('is not, when the session that brought the record may have begun after it: a server that comes back from a crash writes the same', () => {
    const receivers = [
      watchOf(seen('a', 4000n)),
      // What is shown first may be of the session before.
      watchOf(seen('a', 4000n), seen('b', 4500n), seen('b', 4500n, 2)),
      watchOf(seen('a', 4000n), seen('b', 4500n), seen('b', 4500n, 2), seen('c', 5120n, 2)),
    ];
    for (const receiver of receivers) {
      assert.equal(isOrderlyEnd({ ...orderly, receiver }), false);
    }
  });

  test('is not, when another session may have been missed', () => {
    assert.equal(noteReceiver(heard, undefined, 10_000), undefined);
    assert.equal(noteReceiver(undefined, undefined, 100), undefined);
    assert.deepEqual(noteReceiver(heard, seen('c', 4600n), 10_000)?.heardEnd, 4500n);
  });

  test('is not, when the server may have been started again: something was published beyond, or a minute has passed', () => {
    assert.equal(isOrderlyEnd({ ...orderly, lastOrigin: { lsn: at(5001) } }), false);
    assert.equal(isOrderlyEnd({ ...orderly, endedAtMs: 60_101 }), false);
  });
});
