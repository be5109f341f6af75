import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseBenchOptions, UsageError } from './bench-options.ts';
import { owedBytes, rowsFor } from './cluster/load-pace.ts';
import { cellsOf, movesPerSecond } from './parts/cells.ts';
import { PARTS, PARTS_WITH_TARGETS } from './parts/parts.ts';
import { limitSeconds } from './time-limit.ts';

describe('the command line of the benchmark', { timeout: 10_000 }, () => {
  test('everything is measured by default, and each part is bounded in time', () => {
    const options = parseBenchOptions([]);
    assert.deepEqual(options?.parts, PARTS);
    for (const part of PARTS) {
      assert.ok(options !== undefined && limitSeconds(part, options) > options.seconds);
    }
  });

  test('what has a target takes fewer parts, and ten minutes for restart_lsn', () => {
    const options = parseBenchOptions(['--targets']);
    assert.deepEqual(options?.parts, PARTS_WITH_TARGETS);
    assert.equal(options?.restartMinutes, 10);
    assert.deepEqual(parseBenchOptions(['--targets', '--only', 'restart'])?.parts, ['restart']);
  });

  test('lists are in order, each number once, and a load of 0 is one', () => {
    const options = parseBenchOptions(['--slots', '500,1,500', '--load', '15,0', '--only', 'silence,matrix']);
    assert.deepEqual(options?.slots, [1, 500]);
    assert.deepEqual(options?.loads, [0, 15]);
    assert.deepEqual(options?.parts, ['matrix', 'silence']);
  });

  for (const wrong of [
    ['--only', 'lag'],
    ['--slots', '0'],
    ['--slots', '1,'],
    ['--load', '-1'],
    ['--load', '1.5'],
    ['--seconds', '0'],
    ['--output', 'xml'],
    ['--unknown'],
    ['unknown'],
  ]) {
    test(`${wrong.join(' ')} is wrong usage`, () => {
      assert.throws(() => parseBenchOptions(wrong), UsageError);
    });
  }

  test('the matrix has the cells of the targets, fewer slots first', () => {
    const cells = cellsOf({ slots: undefined, loads: undefined, targetsOnly: false });
    assert.equal(cells.length, 13);
    assert.deepEqual(
      cells.map(({ slots }) => slots),
      cells.map(({ slots }) => slots).toSorted((a, b) => a - b),
    );
    for (const wanted of [
      { slots: 100, mbPerSecond: 15 },
      { slots: 500, mbPerSecond: 5 },
    ]) {
      assert.ok(cells.some((cell) => cell.slots === wanted.slots && cell.mbPerSecond === wanted.mbPerSecond));
    }
    const few = cellsOf({ slots: undefined, loads: undefined, targetsOnly: true });
    assert.deepEqual(
      few.map((cell) => `${cell.slots} × ${cell.mbPerSecond}`),
      ['1 × 0', '1 × 5', '1 × 15', '50 × 0', '50 × 5', '50 × 15', '100 × 15', '500 × 5'],
    );
    assert.deepEqual(cellsOf({ slots: [100], loads: [5], targetsOnly: true }), [
      { slots: 100, mbPerSecond: 5 },
    ]);
  });

  test('each slot moves ten times a second until they are too many together', () => {
    assert.deepEqual([1, 20, 500].map(movesPerSecond), [10, 200, 200]);
  });

  test('the write load is held by what was written', () => {
    assert.equal(owedBytes({ bytesPerSecond: 5e6, elapsedMs: 2000, written: 8e6 }), 2e6);
    assert.ok(owedBytes({ bytesPerSecond: 5e6, elapsedMs: 1000, written: 8e6 }) < 0);
    assert.equal(rowsFor({ bytesPerSecond: 4e6, rowBytes: 400 }), 100);
    assert.equal(rowsFor({ bytesPerSecond: 1, rowBytes: 400 }), 1);
  });
});
