import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MAX_TRACK_POINTS, SlotTrack } from '@slotcast/domain';
import * as fc from 'fast-check';
import { at } from '../event-examples.ts';

const options = { timeout: 10_000 };

function trackOf(...positions: readonly number[]): SlotTrack {
  const track = new SlotTrack();
  positions.forEach((position, index) => track.add(at(position), index));
  return track;
}

describe('when a subscriber moved past a position', options, () => {
  test('is when the first larger one was published', () => {
    const track = trackOf(10, 20, 30);
    assert.equal(track.passedAt(at(9)), 0);
    assert.equal(track.passedAt(at(10)), 1);
    assert.equal(track.passedAt(at(25)), 2);
  });

  test('is not yet when it stands there', () => {
    assert.equal(trackOf(10, 20).passedAt(at(20)), undefined);
    assert.equal(trackOf().passedAt(at(1)), undefined);
  });

  test('is the last time, when a crash restart of the primary took it back in between', () => {
    assert.equal(trackOf(10, 30, 15, 40).passedAt(at(20)), 3);
  });

  test('is not moved by events that leave the position as it was', () => {
    assert.equal(trackOf(10, 20, 20, 20).passedAt(at(10)), 1);
  });

  test('of the newest position is exact even right after the track was thinned', () => {
    for (let length = MAX_TRACK_POINTS; length < MAX_TRACK_POINTS + 4; length += 1) {
      const track = trackOf(...Array.from({ length }, (_, index) => index + 1));
      assert.equal(track.passedAt(at(length)), undefined);
      assert.equal(track.passedAt(at(length - 1)), length - 1);
    }
  });

  test('is never earlier than it was, however long the track, and exact at the newest end', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4 * MAX_TRACK_POINTS }), fc.nat(), (length, place) => {
        const track = trackOf(...Array.from({ length }, (_, index) => index + 1));
        const position = (place % length) + 1;
        const passed = track.passedAt(at(position));
        if (position === length) {
          assert.equal(passed, undefined);
        } else {
          assert.ok(passed !== undefined && passed >= position && passed < length);
        }
        assert.equal(track.passedAt(at(Math.max(1, length - 1))), length === 1 ? undefined : length - 1);
      }),
    );
  });
});
