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
      watch.take({ node: 'a', epoch: 1, timeline: 1, lsn: 500 }, { isCopy: false, timeline: 1 }, 0),
      undefined,
    );
  });

  it('is a violation, when it is a copy to which nobody was led', () => {
    const record = { node: 'x', epoch: 2, timeline: 2, lsn: 600 };
    const copy = { isCopy: true, timeline: 2 };
    assert.equal(watch.take(record, { ...copy, promotedMs: 29_000 }, 1)?.invariant, 'I7');
    assert.equal(watch.take({ ...record, epoch: 3 }, { ...copy, promotedMs: 30_000 }, 1), undefined);
  });

  it('is one, when its WAL ends before what was published of the same timeline', () => {
    const record = { node: 'a', epoch: 2, timeline: 1, lsn: 400 };
    assert.match(
      watch.take(record, { isCopy: false, timeline: 1 }, 1)?.text ?? '',
      /ends at 0\/190 and 0\/1F4/,
    );
  });

  it('is none, when a standby was promoted that had less', () => {
    const record = { node: 'b', epoch: 2, timeline: 2, lsn: 400 };
    assert.equal(watch.take(record, { isCopy: false, timeline: 2 }, 1), undefined);
  });

  it('is none, when a publisher is started again and goes on', () => {
    const record = { node: 'a', epoch: 2, timeline: 1, lsn: 500 };
    assert.equal(watch.take(record, { isCopy: false, timeline: 1 }, 1), undefined);
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
