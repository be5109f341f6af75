import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type DecodedTransaction, Decoder, type SnapshotFiles } from '../src/postgres/decoder.ts';
import { changeSlot, confirmReceived, newSlot, type Slot, slotFromDisk } from '../src/postgres/slot.ts';
import type { Position, RowId, Wal } from '../src/postgres/wal.ts';
import { DATABASE, WalAuthor } from './wal-author.ts';

function logicalSlot(
  fields: Partial<Pick<Slot, 'restartLsn' | 'confirmedFlush' | 'catalogXmin'>> = {},
): Slot {
  const slot = newSlot({
    name: 'app',
    type: 'logical',
    plugin: 'pgoutput',
    databaseOid: DATABASE,
    temporary: false,
    twoPhase: false,
  });
  changeSlot(slot, fields);
  return slot;
}

/** Makes a slot at the present end of WAL; returns what reads on until the slot is made. */
function beginCreation(author: WalAuthor) {
  const { wal, transactions } = author;
  const catalogXmin = transactions.nextXid;
  const slot = logicalSlot({ restartLsn: wal.end, catalogXmin });
  const decoder = new Decoder(slot, new Map(), { startDecodingAt: wal.end, initialXminHorizon: catalogXmin });
  let next = wal.length;
  return {
    slot,
    isMade: (): boolean => {
      while (next < wal.length && !decoder.isConsistent) {
        const record = wal.at(next++);
        decoder.read(record);
        if (decoder.isConsistent) {
          changeSlot(slot, { confirmedFlush: record.end });
        }
      }
      return decoder.isConsistent;
    },
  };
}

function decode(
  wal: Wal,
  slot: Slot,
  snapshots: SnapshotFiles,
  { from = 0, to = wal.end }: { from?: Position; to?: Position } = {},
): DecodedTransaction[] {
  const startDecodingAt = Math.max(slot.confirmedFlush ?? 0, from);
  const decoder = new Decoder(slot, snapshots, { startDecodingAt });
  const sent: DecodedTransaction[] = [];
  for (let index = wal.countBefore(slot.restartLsn ?? 0); wal.endOf(index) < to; index += 1) {
    const transaction = decoder.read(wal.at(index));
    if (transaction !== undefined) {
      sent.push(transaction);
    }
  }
  return sent;
}

function advance(wal: Wal, slot: Slot, snapshots: SnapshotFiles, to: Position): void {
  decode(wal, slot, snapshots, { to });
  confirmReceived(slot, to);
}

function rowsOf(sent: readonly DecodedTransaction[]): RowId[] {
  return sent.flatMap(({ rows }) => rows);
}

function made(author: WalAuthor): Slot {
  const creation = beginCreation(author);
  author.running();
  assert.ok(creation.isMade());
  return creation.slot;
}

describe('making a slot', () => {
  it('is done by the first record without running transactions, and starts behind it', () => {
    const author = new WalAuthor();
    author.insert();
    const creation = beginCreation(author);
    author.insert();
    assert.equal(creation.isMade(), false);
    const record = author.running();
    const later = author.insert();
    assert.ok(creation.isMade());
    assert.equal(creation.slot.confirmedFlush, record.end);
    assert.deepEqual(rowsOf(decode(author.wal, creation.slot, new Map())), later);
  });

  it('waits for transactions that began before it, and then for those that run at each step', () => {
    const author = new WalAuthor();
    const old = author.write();
    const creation = beginCreation(author);
    author.running();
    const second = author.write();
    author.running();
    author.commit(old.xid);
    author.running();
    const third = author.write();
    assert.equal(creation.isMade(), false);
    author.commit(second.xid);
    author.running();
    assert.equal(creation.isMade(), false, 'full, and not consistent');
    author.commit(third.xid);
    const fourth = author.write();
    const last = author.running();
    assert.ok(creation.isMade());
    assert.equal(creation.slot.confirmedFlush, last.end);
    author.commit(fourth.xid);
    assert.deepEqual(rowsOf(decode(author.wal, creation.slot, new Map())), fourth.rows);
  });
});

describe('what a client of a slot gets', () => {
  it('every transaction that commits behind what it confirmed, whole', () => {
    const author = new WalAuthor();
    const snapshots: SnapshotFiles = new Map();
    const slot = made(author);
    const open = author.write();
    const first = author.insert();
    advance(author.wal, slot, snapshots, author.end);
    const more = author.write(2, open.xid);
    author.running();
    author.commit(open.xid);
    assert.deepEqual(rowsOf(decode(author.wal, slot, snapshots)), [...open.rows, ...more.rows]);
    assert.deepEqual(rowsOf(decode(author.wal, logicalSlot({ ...slot, confirmedFlush: 0 }), snapshots)), [
      ...first,
      ...open.rows,
      ...more.rows,
    ]);
  });

  it('nothing, and no error, of what was committed before the position that it asks for', () => {
    const author = new WalAuthor();
    const slot = made(author);
    author.insert();
    author.insert();
    author.insert();
    assert.deepEqual(decode(author.wal, slot, new Map(), { from: author.end }), []);
  });

  it('nothing of a transaction of another database', () => {
    const author = new WalAuthor();
    const slot = made(author);
    const other = author.write(1, author.transactions.nextXid, 5);
    author.commit(other.xid, { database: 5 });
    assert.deepEqual(decode(author.wal, slot, new Map()), []);
  });

  it('loses what began before restart_lsn when the snapshot there is gone', () => {
    const author = new WalAuthor();
    const snapshots: SnapshotFiles = new Map();
    const slot = made(author);
    const open = author.write();
    const record = author.running();
    const after = author.write();
    author.running();
    advance(author.wal, slot, snapshots, author.end);
    author.commit(open.xid);
    author.commit(after.xid);
    author.running();
    const end = author.end;
    assert.deepEqual(rowsOf(decode(author.wal, slot, snapshots, { to: end })).length, 2);
    const moved = logicalSlot({ ...slot, restartLsn: record.start });
    assert.deepEqual(rowsOf(decode(author.wal, moved, new Map(), { to: end })), []);
  });
});

describe('where a slot starts after an advance', () => {
  it('up to where it stood every record is taken over, beyond only the first', () => {
    const author = new WalAuthor();
    const snapshots: SnapshotFiles = new Map();
    const slot = made(author);
    author.insert();
    const first = author.running();
    author.insert();
    const second = author.running();
    author.insert();
    const third = author.running();
    author.insert();
    advance(author.wal, slot, snapshots, author.end);
    assert.equal(slot.restartLsn, first.start);
    advance(author.wal, slot, snapshots, author.end);
    assert.equal(slot.restartLsn, third.start);
    assert.ok(snapshots.has(second.start));
  });

  it('stays before the beginning of the oldest open transaction', () => {
    const author = new WalAuthor();
    const snapshots: SnapshotFiles = new Map();
    const slot = made(author);
    const before = author.running();
    const open = author.write();
    author.running();
    author.running();
    advance(author.wal, slot, snapshots, author.end);
    advance(author.wal, slot, snapshots, author.end);
    assert.equal(slot.restartLsn, before.start);
    author.commit(open.xid);
    assert.deepEqual(rowsOf(decode(author.wal, slot, snapshots)), open.rows);
  });

  it('a confirmation alone takes over what an advance left, and saves the slot', () => {
    const author = new WalAuthor();
    const snapshots: SnapshotFiles = new Map();
    const slot = made(author);
    author.insert();
    const record = author.running();
    const target = author.end;
    decode(author.wal, slot, snapshots, { to: target });
    assert.equal(slot.candidateRestart?.value, record.start);
    confirmReceived(slot, record.start - 1);
    assert.equal(slot.restartLsn === record.start, false);
    confirmReceived(slot, target);
    assert.equal(slot.restartLsn, record.start);
    assert.equal(slot.saved?.confirmedFlush, target);
  });

  it('a crash takes confirmed_flush back to what was saved, and restart_lsn stays', () => {
    const author = new WalAuthor();
    const slot = made(author);
    author.insert();
    author.running();
    advance(author.wal, slot, new Map(), author.end);
    const saved = author.end;
    author.insert();
    confirmReceived(slot, author.end);
    const found = slotFromDisk(slot, 0);
    assert.equal(found?.confirmedFlush, saved);
    assert.equal(found?.restartLsn, slot.restartLsn);
    assert.equal(found?.candidateRestart, undefined);
  });

  it('a confirmation never moves it back', () => {
    const author = new WalAuthor();
    const slot = made(author);
    const { confirmedFlush } = slot;
    confirmReceived(slot, 1);
    assert.equal(slot.confirmedFlush, confirmedFlush);
  });

  it('a shutdown checkpoint leaves a snapshot, and gives one back', () => {
    const author = new WalAuthor();
    const snapshots: SnapshotFiles = new Map();
    const slot = made(author);
    const checkpoint = author.shutdownCheckpoint();
    advance(author.wal, slot, snapshots, author.end);
    assert.ok(snapshots.has(checkpoint.start));
    const rows = author.insert();
    const there = logicalSlot({ ...slot, restartLsn: checkpoint.start });
    assert.deepEqual(rowsOf(decode(author.wal, there, snapshots)), rows);
    assert.deepEqual(rowsOf(decode(author.wal, there, new Map())), []);
  });
});
