import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type BacklogWatch, noBacklog, noteBacklog, type RestartGap } from '@slotcast/domain';
import { gap } from './restart-examples.ts';
import { LARGEST, MIB, mib } from './restart-sizes.ts';

const START = Date.UTC(2026, 0, 1);

function gapOf(behind: number): RestartGap {
  return gap(`a${behind}`, behind, { position: mib(100_000) });
}

/** One look a second, each with these gaps in MiB. */
function watched(looks: readonly (readonly number[])[]): BacklogWatch {
  let watch = noBacklog;
  looks.forEach((look, second) => {
    const seen = { gaps: look.map(gapOf), largestBytes: LARGEST };
    watch = noteBacklog(watch, { ...seen, now: 5000 + second * 1000, time: START + second * 1000 });
  });
  return watch;
}

function growing(from: number, step: number, looks: number): number[][] {
  return Array.from({ length: looks }, (_, second) => [from + second * step, 10]);
}

describe('slots whose restart_lsn falls behind', { timeout: 10_000 }, () => {
  test('are a backlog when the gap is large and has grown for a minute', () => {
    assert.deepEqual(watched(growing(300, 5, 61)).backlog, {
      slots: 1,
      bytes: Number(600n * MIB),
      since: START + 60_000,
    });
    assert.equal(watched(growing(300, 5, 60)).backlog, undefined, 'too short');
    assert.equal(watched(growing(10, 3, 80)).backlog, undefined, 'too small');
  });

  test('are none while the gap is made up, however large it is', () => {
    assert.equal(watched(growing(9000, -10, 80)).backlog, undefined);
    assert.equal(watched(growing(9000, 0, 80)).backlog, undefined);
    const saw = Array.from({ length: 200 }, (_, second) => [100 + (second % 20) * 10]);
    assert.equal(watched(saw).backlog, undefined);
  });

  test('stay one until the gap is small again', () => {
    const grown = growing(300, 5, 61);
    const shrinks = watched([...grown, [500], [300], [129, 130]]);
    assert.deepEqual(shrinks.backlog, { slots: 2, bytes: Number(130n * MIB), since: START + 60_000 });
    assert.equal(watched([...grown, [500], [128]]).backlog, undefined);
    assert.equal(watched([...grown, []]).backlog, undefined);
  });
});
