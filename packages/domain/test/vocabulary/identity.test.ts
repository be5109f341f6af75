import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  isOwnWorkingSlot,
  isSlotName,
  parseSlotName,
  parseSystemIdentifier,
  timeline,
} from '@slotcast/domain';

describe('system identifier', { timeout: 20_000 }, () => {
  test('unsigned 64-bit numbers are accepted and kept as text', () => {
    for (const text of ['1', '7420156612345678901', '18446744073709551615']) {
      assert.equal(parseSystemIdentifier(text), text);
    }
  });

  test('anything else is rejected', () => {
    for (const text of [
      '',
      '0',
      '01',
      '-1',
      '1.5',
      ' 1',
      '18446744073709551616',
      '99999999999999999999',
      'abc',
    ]) {
      assert.throws(() => parseSystemIdentifier(text), { name: 'RangeError', message: /system identifier/ });
    }
  });
});

describe('timeline', { timeout: 20_000 }, () => {
  test('1 to 2^32-1 are timelines', () => {
    assert.equal(timeline(1), 1);
    assert.equal(timeline(0xffff_ffff), 0xffff_ffff);
  });

  test('anything else is rejected', () => {
    for (const number of [0, -1, 1.5, 2 ** 32, Number.NaN, Number.POSITIVE_INFINITY]) {
      assert.throws(() => timeline(number), { name: 'RangeError', message: /not a timeline/ });
    }
  });
});

describe('slot name', { timeout: 20_000 }, () => {
  test('names that PostgreSQL accepts are accepted', () => {
    for (const text of ['a', '0', '_', 'orders_cdc_2', 'x'.repeat(63)]) {
      assert.equal(parseSlotName(text), text);
    }
  });

  test('names that PostgreSQL rejects are rejected', () => {
    for (const text of ['', 'Orders', 'a-b', 'a b', 'a\n', 'ä', '@manifest', 'x'.repeat(64)]) {
      assert.equal(isSlotName(text), false);
      assert.throws(() => parseSlotName(text), { name: 'RangeError', message: /not a slot name/ });
    }
  });

  test("slotcast's own working slots are told from a user's", () => {
    assert.equal(isOwnWorkingSlot('slotcast_tmp_1'), true);
    assert.equal(isOwnWorkingSlot('slotcast_keep'), true);
    assert.equal(isOwnWorkingSlot('slotcast_keep_me'), false);
    assert.equal(isOwnWorkingSlot('slotcast_canary'), false);
  });
});
