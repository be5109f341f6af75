import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { READY_PATIENCE_MS, type ReadySlot, ReadyWatch } from '../src/oracle/ready-watch.ts';

const LATE = READY_PATIENCE_MS + 1;

function slot(facts: Partial<ReadySlot> = {}): ReadySlot {
  return { node: 'b', slot: 'app', isGood: false, nodeHeardAt: 0, publisherHeardAt: 0, ...facts };
}

describe('a slot that is called ready', () => {
  it('is a violation once, when it is bad and both sides were heard long after', () => {
    const watch = new ReadyWatch();
    assert.deepEqual(watch.look([slot()], 0), []);
    const heard = slot({ nodeHeardAt: LATE, publisherHeardAt: LATE });
    const [violation, ...others] = watch.look([heard], LATE);
    assert.equal(violation?.invariant, 'I3');
    assert.match(violation.text, /app is called ready on b/);
    assert.deepEqual([...others, ...watch.look([heard], LATE + 1)], []);
  });

  it('is none, as long as one of both is silent', () => {
    const watch = new ReadyWatch();
    watch.look([slot()], 0);
    assert.deepEqual(watch.look([slot({ nodeHeardAt: LATE })], LATE), []);
    assert.deepEqual(watch.look([slot({ publisherHeardAt: LATE })], LATE), []);
  });

  it('is none, when it was good, or not called ready, in between', () => {
    for (const between of [[slot({ isGood: true })], []]) {
      const watch = new ReadyWatch();
      watch.look([slot()], 0);
      watch.look(between, 10);
      watch.look([slot()], LATE - 1);
      assert.deepEqual(watch.look([slot({ nodeHeardAt: LATE, publisherHeardAt: LATE })], LATE), []);
    }
  });
});
