import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chanceOf, SeededRandom } from '../src/time/chance.ts';

function draw(seed: number): number[] {
  const random = new SeededRandom(seed);
  return Array.from({ length: 50 }, () => random.below(1000));
}

test('the same seed makes the same choices', () => {
  assert.deepEqual(draw(7), draw(7));
  assert.notDeepEqual(draw(7), draw(8));
});

test('what is drawn by labels does not depend on what else was drawn', () => {
  const numbers = Array.from({ length: 1000 }, (_, index) => chanceOf(1, 'consumer@b', 'copy_slots', index));
  assert.equal(numbers[17], chanceOf(1, 'consumer@b', 'copy_slots', 17));
  const mean = numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
  assert.ok(Math.abs(mean - 0.5) < 0.05, `the mean is ${mean}`);
  assert.ok(numbers.every((number) => number >= 0 && number < 1));
});

test('a weight of zero is never picked', () => {
  const random = new SeededRandom(3);
  const picked = Array.from({ length: 500 }, () =>
    random.weighted([
      ['a', 0],
      ['b', 1],
      ['c', 3],
    ]),
  );
  assert.deepEqual([...new Set(picked)].toSorted(), ['b', 'c']);
});
