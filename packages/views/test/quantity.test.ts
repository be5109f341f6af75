import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { bytesText, durationText } from '@slotcast/views';

const options = { timeout: 10_000 };

describe('quantities', options, () => {
  test('are short', () => {
    assert.deepEqual([0n, 1n, 1023n, 12_288n, 1_572_864n, 2n ** 40n].map(bytesText), [
      '0 bytes',
      '1 byte',
      '1023 bytes',
      '12 kB',
      '1.5 MB',
      '1.0 TB',
    ]);
    assert.deepEqual([340, 12_400, 59_999, 200_000, 18_120_000, 1_047_600_000].map(durationText), [
      '340 ms',
      '12 s',
      '1 min',
      '3 min 20 s',
      '5 h 2 min',
      '12 d 3 h',
    ]);
  });
});
