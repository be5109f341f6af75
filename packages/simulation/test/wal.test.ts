import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SEGMENT_BYTES, Wal } from '../src/postgres/wal.ts';
import { WalAuthor } from './wal-author.ts';

describe('WAL of the twin', () => {
  it('finds records by position', () => {
    const author = new WalAuthor();
    author.insert();
    const record = author.running();
    author.insert();
    const { wal } = author;
    assert.equal(wal.at(wal.countBefore(record.start)), record);
    assert.equal(wal.countBefore(record.start + 1), wal.countBefore(record.start) + 1);
    assert.equal(wal.countEnded(record.end), wal.countBefore(record.end));
    assert.equal(wal.countEnded(record.end - 1), wal.countBefore(record.start));
  });

  it('goes on in the next segment after a switch', () => {
    const { wal } = new WalAuthor();
    const before = wal.end;
    wal.append({ kind: 'switch' }, 1, 24);
    assert.equal(wal.end % SEGMENT_BYTES, 0);
    assert.ok(wal.end - before <= SEGMENT_BYTES);
    assert.ok(wal.append({ kind: 'message' }, 1, 64).start > wal.end - 64 - 1);
  });

  it('branches share what came before, and differ in what follows', () => {
    const author = new WalAuthor();
    author.insert();
    author.insert();
    const { wal } = author;
    const branch = wal.branch(2);
    const parent = wal.branch(3);
    assert.equal(wal.sharedWith(branch), 2);
    branch.append({ kind: 'message' }, 2, 100);
    assert.equal(branch.length, 3);
    assert.equal(branch.sharedWith(wal), 2);
    assert.equal(parent.branch(2).sharedWith(branch), 2);
    assert.throws(() => branch.cut(1), RangeError);
    branch.cut(2);
    branch.receive(wal.at(2));
    assert.equal(branch.sharedWith(wal), 3);
    assert.throws(() => branch.receive(wal.at(2)), RangeError);
  });

  it('refuses to be read beyond its end', () => {
    assert.throws(() => Wal.create().at(0), RangeError);
  });
});
