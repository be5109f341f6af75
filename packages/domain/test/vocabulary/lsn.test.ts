import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { formatLsn, lsn, maxLsn, minLsn, parseLsn } from '@slotcast/domain';
import * as fc from 'fast-check';
import { anyLsn } from '../vocabulary-examples.ts';

describe('LSN', { timeout: 20_000 }, () => {
  test('what is written as text is read back as the same position', () => {
    fc.assert(fc.property(anyLsn, (position) => assert.equal(parseLsn(formatLsn(position)), position)));
  });

  test('is written as PostgreSQL does', () => {
    assert.equal(formatLsn(lsn(0x16_b374_d848n)), '16/B374D848');
    assert.equal(formatLsn(lsn(0x10n)), '0/10');
  });

  test('the newer notation with leading zeros and lower case are read too', () => {
    assert.equal(parseLsn('0/0300A1b0'), 0x300a1b0n);
    assert.equal(parseLsn('7FFFFFFF/FFFFFFFF'), 2n ** 63n - 1n);
  });

  for (const text of [
    '',
    '0',
    '0/',
    '/1',
    '1/2/3',
    ' 1/2',
    '1/2 ',
    '0x1/2',
    'g/1',
    '123456789/0',
    '0/123456789',
    '-1/2',
  ]) {
    test(`${JSON.stringify(text)} is no LSN`, () => {
      assert.throws(() => parseLsn(text), { name: 'RangeError', message: /not an LSN/ });
    });
  }

  test('0/0 and positions that do not fit a signed long are rejected', () => {
    for (const text of ['0/0', '80000000/0', 'FFFFFFFF/FFFFFFFF']) {
      assert.throws(() => parseLsn(text), { name: 'RangeError', message: /not a valid LSN/ });
    }
    assert.throws(() => lsn(-1n), RangeError);
  });

  test('the earlier and the later of two positions are told apart', () => {
    fc.assert(
      fc.property(anyLsn, anyLsn, (a, b) => {
        assert.ok(minLsn(a, b) <= maxLsn(a, b));
        assert.deepEqual(new Set([minLsn(a, b), maxLsn(a, b)]), new Set([a, b]));
      }),
    );
  });
});
