import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  CANARY_SLOT,
  type CanaryWatch,
  freshCanaryWatch,
  hearCanary,
  isLogical,
  type Lsn,
  lsn,
  MAX_PENDING_CHANGES,
  readCanary,
  type SlotEvent,
  timeline,
} from '@slotcast/domain';
import * as fc from 'fast-check';
import { at, firstTimeline, manifest, slotEvent } from '../event-examples.ts';
import { logicalSlot } from '../vocabulary-examples.ts';

const options = { timeout: 20_000 };

/** The canary's change of this time, at ten times that position. */
function change(time: number, where: { timeline?: number; position?: number } = {}): SlotEvent {
  const position = where.position ?? time * 10;
  const state = logicalSlot(CANARY_SLOT, { confirmedFlushLsn: at(position), canaryTime: time });
  return slotEvent(CANARY_SLOT, { seq: time, lsn: position, timeline: where.timeline ?? 1 }, { state });
}

function look(watch: CanaryWatch, position: number | undefined, now: number) {
  const here: Lsn | undefined = position === undefined ? undefined : at(position);
  return readCanary(watch, { point: { history: firstTimeline, replayLsn: at(10_000) }, position: here, now });
}

/** A watch of a slot that stands at 0 here. */
const watching = look(freshCanaryWatch, 1, 0).watch;

describe('the lag of the canary', options, () => {
  test('is the time from the write to the first look that finds the slot past it', () => {
    const heard = hearCanary(watching, [manifest([], { seq: 1 }), slotEvent('other', { seq: 2 }), change(5)]);
    const before = look(heard, 49, 7);
    assert.deepEqual([before.passed, before.overdueMs], [[], 2]);
    const after = look(before.watch, 50, 8);
    assert.deepEqual([after.passed, after.overdueMs], [[{ writtenAt: 5, lagMs: 3 }], 0]);
    assert.deepEqual(look(after.watch, 60, 9).passed, []);
  });

  test('counts every change that was passed at once, each with its own wait', () => {
    const heard = hearCanary(watching, [change(5), change(6), change(7)]);
    const { passed, overdueMs } = look(heard, 60, 20);
    assert.deepEqual(
      passed.map(({ lagMs }) => lagMs),
      [15, 14],
    );
    assert.equal(overdueMs, 13);
  });

  test('is measured once, though a position without a new change is published in between', () => {
    const again = change(5, { position: 70 });
    const heard = hearCanary(watching, [change(5), again]);
    const first = look(heard, 55, 8);
    assert.equal(first.passed.length, 1);
    assert.deepEqual([look(first.watch, 70, 9).passed, first.overdueMs], [[], 0]);
  });

  test('is not known of changes that the slot had passed before it was first looked at', () => {
    const heard = hearCanary(freshCanaryWatch, [change(5), change(6)]);
    const first = look(heard, 55, 100);
    assert.deepEqual([first.passed, first.overdueMs], [[], 94]);
    assert.deepEqual(look(first.watch, 60, 101).passed, [{ writtenAt: 6, lagMs: 95 }]);
  });

  test('starts afresh with a slot that comes after it was gone', () => {
    const gone = look(hearCanary(watching, [change(5)]), undefined, 8);
    assert.deepEqual([gone.passed, gone.overdueMs], [[], 0]);
    const back = look(hearCanary(gone.watch, [change(9)]), 90, 10);
    assert.deepEqual(back.passed, []);
    assert.equal(look(hearCanary(back.watch, [change(11)]), 110, 12).passed.length, 1);
  });

  test('is never below zero, whatever the clocks say, and goes on with a clock that is behind', () => {
    const heard = hearCanary(watching, [change(50), change(20, { position: 600 })]);
    assert.deepEqual(
      look(heard, 600, 10).passed.map(({ lagMs }) => lagMs),
      [0, 0],
    );
  });

  test('leaves out changes of a branch that this server never had, and waits for one that it may follow', () => {
    const history = { timeline: timeline(2), ancestors: [{ timeline: timeline(1), switchLsn: at(60) }] };
    const heard = hearCanary(watching, [
      change(6),
      change(7),
      change(8, { timeline: 2 }),
      change(9, { timeline: 3 }),
    ]);
    const { passed, overdueMs } = readCanary(heard, {
      point: { history, replayLsn: at(1000) },
      position: at(1000),
      now: 10,
    });
    assert.deepEqual(
      passed.map(({ writtenAt }) => writtenAt),
      [6, 8],
    );
    assert.equal(overdueMs, 1);
  });

  test('forgets neither the oldest nor the newest of too many changes, and stays small', () => {
    const count = MAX_PENDING_CHANGES * 3;
    let heard = watching;
    for (let time = 1; time <= count; time += 1) {
      heard = hearCanary(heard, [change(time)]);
    }
    assert.ok(heard.pending.length <= MAX_PENDING_CHANGES);
    assert.equal(heard.pending[0]?.writtenAt, 1);
    assert.equal(heard.pending.at(-1)?.writtenAt, count);
  });

  test('is the same whether a slot goes all the way at once or in steps, but for the time that it takes', () => {
    const times = fc.uniqueArray(fc.integer({ min: 1, max: 500 }), { minLength: 1, maxLength: 20 });
    const steps = fc.array(fc.integer({ min: 1, max: 5000 }), { maxLength: 10 });
    fc.assert(
      fc.property(times, steps, (unsorted, positions) => {
        const events = unsorted.toSorted((a, b) => a - b).map((time) => change(time));
        let watch = hearCanary(watching, events);
        const seen: number[] = [];
        for (const position of [...positions.toSorted((a, b) => a - b), 5000]) {
          const reading = readCanary(watch, {
            point: { history: firstTimeline, replayLsn: lsn(5000n) },
            position: at(position),
            now: 1000,
          });
          watch = reading.watch;
          seen.push(...reading.passed.map(({ lagMs }) => lagMs));
        }
        assert.deepEqual(
          seen,
          events.map(({ state }) => 1000 - (isLogical(state) ? (state.canaryTime ?? 0) : 0)),
        );
      }),
    );
  });
});
