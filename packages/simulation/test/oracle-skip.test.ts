import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { Incarnation } from '../src/oracle/incarnation.ts';
import { SkipWatch } from '../src/oracle/skip-watch.ts';
import type { Committed, Note, Violation } from '../src/types.ts';
import { HandMadeLine, handMade, logged } from './hand-made-line.ts';

const DATABASE = handMade.DATABASE;

describe('a subscriber that is led past a row', () => {
  let line: HandMadeLine;
  let incarnation: Incarnation;
  let watch: SkipWatch;
  let notes: Note[];
  let now: number;

  beforeEach(() => {
    line = new HandMadeLine();
    incarnation = new Incarnation({ slot: 'app', database: DATABASE, startLsn: 0, line });
    watch = new SkipWatch();
    notes = [];
    now = 0;
  });

  function passed(upTo: number, on: HandMadeLine = line): void {
    watch.sent({ incarnation, node: 'b', line: on, upTo, now, since: 0 });
  }

  function delivered(transaction: Committed, on: HandMadeLine = line): void {
    passed(transaction.start, on);
    incarnation.receive(transaction.rows);
    passed(transaction.end, on);
  }

  function judged(): Violation[] {
    return watch.judge(now + 5000, notes, () => 0);
  }

  it('is a violation that names the rows, when the next transaction shows it', () => {
    delivered(line.commit(1));
    line.commit(2, 3);
    delivered(line.commit(4));
    const [violation] = judged();
    assert.equal(violation?.invariant, 'I1');
    assert.match(violation?.text ?? '', /app never got rows 2–3 \(0\/6E–0\/78\)/);
  });

  it('is one, when WAL without rows for it shows it', () => {
    line.commit(1);
    passed(line.end);
    assert.equal(judged().length, 1);
  });

  it('is judged once somebody has been there for as long who could have told', () => {
    line.commit(1);
    passed(line.end);
    assert.deepEqual(
      watch.judge(5000, notes, () => 5000),
      [],
    );
    assert.deepEqual(
      watch.judge(9000, notes, () => 5000),
      [],
    );
    assert.equal(watch.judge(10_000, notes, () => 5000).length, 1);
    assert.equal(watch.isOpen, false);
  });

  it('is judged no sooner when all that time without anybody lay between two looks', () => {
    line.commit(1);
    passed(line.end);
    assert.deepEqual(
      watch.judge(5500, notes, () => 1500),
      [],
    );
    assert.equal(watch.judge(6500, notes, () => 1500).length, 1);
  });

  it('is told of once', () => {
    line.commit(1);
    passed(line.end);
    incarnation.connect();
    passed(line.end);
    delivered(line.commit(2));
    assert.equal(judged().length, 1);
  });

  it('is none, when all came, in whatever batches, and some of it twice', () => {
    const all = [line.commit(1), line.commit(2, 3), line.commit(4)];
    all.forEach((each) => delivered(each));
    incarnation.connect();
    all.slice(1).forEach((each) => delivered(each));
    line.skip(100);
    passed(line.end);
    assert.deepEqual(judged(), []);
  });

  it('is none for what was committed before its slot was made', () => {
    line.commit(1);
    incarnation = new Incarnation({ slot: 'app', database: DATABASE, startLsn: line.end, line });
    delivered(line.commit(2));
    assert.deepEqual(judged(), []);
  });

  it('is none for rows of another database, and for transactions without rows', () => {
    line.commits.push({ ...line.commit(1), database: DATABASE + 1 });
    line.commits.shift();
    line.commit();
    passed(line.end);
    assert.deepEqual(judged(), []);
  });

  it('is none for what only the line that was given up has', () => {
    delivered(line.commit(1));
    const promoted = line.branch();
    line.commit(2);
    incarnation.connect();
    delivered(promoted.commit(3), promoted);
    assert.deepEqual(judged(), []);
  });

  it('is one, when it had confirmed more than the promoted server has, and rows of the new timeline lie before that', () => {
    delivered(line.commit(1));
    const promoted = line.branch();
    delivered(line.commit(2));
    delivered(line.commit(3));
    incarnation.connect();
    promoted.commit(4);
    passed(promoted.end, promoted);
    assert.match(judged()[0]?.text ?? '', /never got row 4 /);
  });

  it('is one, when such rows are committed only after it was told of a position beyond all WAL', () => {
    const promoted = line.branch();
    delivered(line.commit(1));
    delivered(line.commit(2));
    incarnation.connect();
    passed(line.end, promoted);
    promoted.commit(3);
    passed(line.end, promoted);
    assert.match(judged()[0]?.text ?? '', /never got row 3 /);
  });

  it('is none, when the fence has pushed the rows of the new timeline behind that', () => {
    delivered(line.commit(1));
    const promoted = line.branch();
    delivered(line.commit(2));
    promoted.skip(100);
    incarnation.connect();
    delivered(promoted.commit(3), promoted);
    assert.deepEqual(judged(), []);
  });

  it('is owed all of a new timeline that began before its slot was made on the old one', () => {
    line.commit(1);
    const promoted = line.branch();
    line.commit(2);
    incarnation = new Incarnation({ slot: 'app', database: DATABASE, startLsn: line.end, line });
    promoted.commit(3);
    passed(promoted.end, promoted);
    assert.match(judged()[0]?.text ?? '', /never got row 3 /);
  });

  it('is no silent one, when the log has told of the slot in time', () => {
    line.commit(1);
    now = 100;
    passed(line.end);
    notes.push(logged(4000, 'app', { outcome: 'quarantined' }));
    assert.deepEqual(judged(), []);
  });

  for (const [what, note] of [
    ['another slot', logged(4000, 'other')],
    ['a fence that stands, which says that nothing is missing', logged(4000, 'app', { outcome: 'fenced' })],
    ['work on the slot', logged(4000, 'app', {}, 'a slot is advanced by decoding')],
    ['it too late', logged(5200, 'app')],
  ] as const) {
    it(`is one all the same, when the log tells of ${what}`, () => {
      line.commit(1);
      now = 100;
      passed(line.end);
      notes.push(note);
      assert.equal(judged().length, 1);
    });
  }

  it('is judged only when the time to report has passed', () => {
    line.commit(1);
    now = 100;
    passed(line.end);
    assert.deepEqual(
      watch.judge(5099, notes, () => 0),
      [],
    );
    assert.equal(watch.isOpen, true);
    assert.equal(watch.judge(5100, notes, () => 0).length, 1);
  });
});
