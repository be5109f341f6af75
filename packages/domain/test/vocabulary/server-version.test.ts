import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { majorOf, parseServerVersion, supports } from '@slotcast/domain';

describe('the version of a server', { timeout: 5000 }, () => {
  test('is read from what the server reports, packaged and unreleased ones too', () => {
    assert.equal(parseServerVersion('16.14'), 160_014);
    assert.equal(parseServerVersion('18.4 (Debian 18.4-1.pgdg12+1)'), 180_004);
    assert.equal(parseServerVersion('19beta1'), 190_000);
    assert.throws(() => parseServerVersion(''), RangeError);
  });

  test('decides what it has', () => {
    assert.equal(majorOf(160_014), 16);
    assert.equal(supports(13, 'twoPhaseSlots'), false);
    assert.equal(supports(14, 'twoPhaseSlots'), true);
    assert.equal(supports(16, 'slotSync'), false);
    assert.equal(supports(19, 'twoPhaseAt'), true);
  });
});
