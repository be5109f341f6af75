import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isSlotName, parseSlotName, quarantineName } from '@slotcast/domain';
import fc from 'fast-check';

describe('the name of a quarantined slot', { timeout: 20_000 }, () => {
  const anyName = fc
    .string({
      unit: fc.constantFrom(...'abcdefghijklmnopqrstuvwxyz0123456789_'.split('')),
      minLength: 1,
      maxLength: 63,
    })
    .map(parseSlotName);

  test('is valid, at most 63 bytes long, begins as the slot and is never its own name', () => {
    fc.assert(
      fc.property(anyName, (name) => {
        const copy = quarantineName(name);
        assert.ok(isSlotName(copy) && copy.length <= 63 && copy !== name);
        assert.ok(copy.startsWith(name.slice(0, 45)));
      }),
    );
  });

  test('is another one for each slot, also where long names begin alike', () => {
    const beginning = 'x'.repeat(59);
    const names = Array.from({ length: 1000 }, (_, index) => parseSlotName(`${beginning}${index}`));
    assert.equal(new Set(names.map(quarantineName)).size, names.length);
    assert.match(quarantineName(parseSlotName(`${beginning}0`)), /^x{45}_[0-9a-f]{8}_diverged$/);
  });

  test('is another one for a slot that is kept already, however long its name', () => {
    const long = parseSlotName(`${'x'.repeat(54)}_diverged`);
    assert.match(quarantineName(long), /^x{48}_[0-9a-f]{8}_again$/);
    assert.equal(quarantineName(parseSlotName('app_diverged')), 'app_diverged_again');
    assert.equal(quarantineName(parseSlotName('app')), 'app_diverged');
  });
});
