import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { AHEAD_PATIENCE_MS, AheadWatch } from '../src/oracle/ahead-watch.ts';
import { TenureWatch } from '../src/oracle/tenure-watch.ts';
import type { Note } from '../src/types.ts';
import { HandMadeLine, logged } from './hand-made-line.ts';

describe('who publishes', () => {
  let watch: TenureWatch;

  beforeEach(() => {
    watch = new TenureWatch();
    assert.equal(
      watch.take(
        { node: 'a', epoch: 1, timeline: 1, lsn: 500 },
        { isCopy: false, isRecorded: true, timeline: 1 },
        0,
      ),
      undefined,
    );
  });

  const record = { node: 'x', epoch: 2, timeline: 2, lsn: 600 };
  const copy = { isCopy: true, isRecorded: true, timeline: 2 };

  it('is a violation, when it is a copy to which nobody was led, beside a publisher that is at work', () => {
    assert.equal(watch.take(record, { ...copy, promotedMs: 29_000 }, 1000)?.invariant, 'I7');
  });

  it('is none, when that publisher is silent, had its time, or has a server that is no primary any more', () => {
    assert.equal(watch.take(record, { ...copy, promotedMs: 3000 }, 3000), undefined);
    watch.take({ node: 'a', epoch: 3, timeline: 3, lsn: 700 }, { ...copy, isCopy: false, timeline: 3 }, 3000);
    assert.equal(watch.take({ ...record, epoch: 4 }, { ...copy, promotedMs: 30_000 }, 3001), undefined);
    watch.take({ node: 'a', epoch: 5, timeline: 3, lsn: 800 }, { ...copy, isCopy: false, timeline: 3 }, 3002);
    assert.equal(
      watch.take({ ...record, epoch: 6 }, { ...copy, promotedMs: 10 }, 3003, () => false),
      undefined,
    );
  });

  it('is one at any time, when nothing is on record of that copy as a standby', () => {
    const unknown = { ...copy, isRecorded: false, promotedMs: 99_000 };
    assert.equal(watch.take(record, unknown, 99_000)?.invariant, 'I7');
  });

  it('is one, when its WAL ends before what was published of the same timeline', () => {
    const record = { node: 'a', epoch: 2, timeline: 1, lsn: 400 };
    assert.match(
      watch.take(record, { isCopy: false, isRecorded: true, timeline: 1 }, 1)?.text ?? '',
      /ends at 0\/190 and 0\/1F4/,
    );
  });

  it('is none, when a standby was promoted that had less', () => {
    const record = { node: 'b', epoch: 2, timeline: 2, lsn: 400 };
    assert.equal(watch.take(record, { isCopy: false, isRecorded: true, timeline: 2 }, 1), undefined);
  });

  it('is none, when a publisher is started again and goes on', () => {
    const record = { node: 'a', epoch: 2, timeline: 1, lsn: 500 };
    assert.equal(watch.take(record, { isCopy: false, isRecorded: true, timeline: 1 }, 1), undefined);
  });
});

describe('a subscriber that asks for a position beyond all WAL', () => {
  let line: HandMadeLine;
  let watch: AheadWatch;
  const notes: Note[] = [];

  beforeEach(() => {
    line = new HandMadeLine();
    watch = new AheadWatch();
    watch.connected({ slot: 'app', node: 'b', at: 10, since: 0, asksFor: 200, end: 100, line: () => line });
  });

  it('is a violation, when nobody has noticed in time', () => {
    assert.deepEqual(watch.judge(10, notes), []);
    assert.equal(watch.judge(10 + AHEAD_PATIENCE_MS, notes)[0]?.invariant, 'I2');
  });

  it('is one, when the WAL got there with rows on its way', () => {
    line.commit(1);
    line.skip(200);
    assert.equal(watch.judge(10 + AHEAD_PATIENCE_MS, notes).length, 1);
  });

  it('is none, when the WAL was pushed there before anything was committed', () => {
    line.skip(200);
    line.commit(1);
    assert.deepEqual(watch.judge(10 + AHEAD_PATIENCE_MS, notes), []);
  });

  it('is none, when it was reported', () => {
    assert.deepEqual(watch.judge(10 + AHEAD_PATIENCE_MS, [logged(20, 'app')]), []);
  });
});
