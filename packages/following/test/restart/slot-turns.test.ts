import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseSlotName } from '@slotcast/domain';
import { SlotTurns, takeCut } from '@slotcast/following';
import { StatementTimeoutError } from '@slotcast/postgres';

const APP = parseSlotName('app');

describe('turns', { timeout: 10_000 }, () => {
  test('grow while they gain nothing, up to a minute, and are short again after one that gains', () => {
    const turns = new SlotTurns();
    const lengths = Array.from({ length: 5 }, () => {
      const ms = turns.of(APP);
      turns.gainedNothing(APP);
      return ms;
    });
    assert.deepEqual(lengths, [2000, 8000, 32_000, 60_000, 60_000]);
    turns.gained(APP);
    assert.equal(turns.of(APP), 2000);
  });

  test('that are cut are no failure, and all else is', () => {
    takeCut(new StatementTimeoutError('select', 2000));
    assert.throws(() => takeCut(new Error('no such slot')), /no such slot/);
  });
});
