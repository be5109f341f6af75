import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type ConfirmationRhythm,
  noteRhythms,
  parseSlotName,
  type SlotEvent,
  type SlotName,
  UNPROVEN_MAX_MS,
  UNPROVEN_MIN_MS,
  unprovenWaitMs,
} from '@slotcast/domain';
import { at } from '../event-examples.ts';
import { live } from './plan-situations.ts';

const a = parseSlotName('a');

/** Confirmed positions with the second in which each was published. */
function rhythmOf(...confirmed: readonly (readonly [position: number, second: number])[]) {
  return confirmed
    .map(
      ([position, second]): SlotEvent =>
        live('a', { twoPhase: true, confirmedFlushLsn: at(position) }, { time: second * 1000 }),
    )
    .reduce<ReadonlyMap<SlotName, ConfirmationRhythm>>(
      (known, event) => noteRhythms(known, new Map([[a, event]])),
      new Map(),
    )
    .get(a);
}

test('a subscriber may take twice its longest pause to pass a two_phase slot', { timeout: 20_000 }, () => {
  assert.equal(unprovenWaitMs(rhythmOf([1, 0], [2, 60], [3, 90])), 120_000);
});

test('a quick subscriber has ten seconds, and none has more than ten minutes', { timeout: 20_000 }, () => {
  assert.equal(unprovenWaitMs(rhythmOf([1, 0], [2, 1])), UNPROVEN_MIN_MS);
  assert.equal(unprovenWaitMs(rhythmOf([1, 0], [2, 3600])), UNPROVEN_MAX_MS);
});

test('a subscriber whose pauses are not known has the longest time, as after a restart', {
  timeout: 20_000,
}, () => {
  assert.equal(unprovenWaitMs(undefined), UNPROVEN_MAX_MS);
  assert.equal(unprovenWaitMs(rhythmOf([1, 0])), UNPROVEN_MAX_MS);
});

test('news of a slot whose subscriber confirms nothing new is no confirmation', { timeout: 20_000 }, () => {
  assert.equal(rhythmOf([1, 0], [2, 60], [2, 500])?.longestMs, 60_000);
});

test('only slots with two_phase are followed', { timeout: 20_000 }, () => {
  assert.equal(noteRhythms(new Map(), new Map([[a, live('a')]])).size, 0);
});
