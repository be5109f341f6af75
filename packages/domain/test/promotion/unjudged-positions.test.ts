import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { findUnjudged, type Promotion, parseSlotName, timeline } from '@slotcast/domain';
import { at, slotEvent } from '../event-examples.ts';
import { logicalSlot } from '../vocabulary-examples.ts';

const history = { timeline: timeline(2), ancestors: [{ timeline: timeline(1), switchLsn: at(100) }] };
const app = parseSlotName('app');
const promotion: Promotion = {
  timeline: timeline(2),
  switchLsn: at(100),
  fencedLsn: at(200),
  ahead: [],
  lost: [],
  time: 0,
};

function unjudged(confirmed: number, over: Partial<Promotion> = {}, place: { timeline?: number } = {}) {
  const state = logicalSlot('app', { confirmedFlushLsn: at(confirmed) });
  return findUnjudged({ ...promotion, ...over }, history, [
    slotEvent('app', { lsn: 900, ...place }, { state }),
  ]);
}

describe('positions that a hand-off did not know', { timeout: 5000 }, () => {
  test('are those beyond the WAL that the server has, and beyond its fence', () => {
    assert.deepEqual(unjudged(201), [app]);
    assert.deepEqual(unjudged(101, { fencedLsn: undefined }), [app]);
    assert.deepEqual(unjudged(200), []);
    assert.deepEqual(unjudged(100, { fencedLsn: undefined }), []);
  });

  test('are none of a slot that is on record as renamed, unsafe or lost, nor of the new timeline', () => {
    const known = { slot: app, confirmedFlushLsn: at(150) };
    assert.deepEqual(unjudged(300, { ahead: [{ ...known, outcome: 'quarantined' }] }), []);
    assert.deepEqual(unjudged(300, { ahead: [{ ...known, outcome: 'unsafe' }] }), []);
    assert.deepEqual(unjudged(300, { lost: [{ slot: app, reasons: [] }] }), []);
    assert.deepEqual(unjudged(300, {}, { timeline: 2 }), []);
    for (const outcome of ['fenced', 'unknown'] as const) {
      assert.deepEqual(unjudged(300, { ahead: [{ ...known, outcome }] }), [app], outcome);
      assert.deepEqual(unjudged(300, { ahead: [{ ...known, confirmedFlushLsn: at(300), outcome }] }), []);
    }
  });
});
