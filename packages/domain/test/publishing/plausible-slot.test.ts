import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { lsn, ROUNDING_BYTES, sortOutImplausible } from '@slotcast/domain';
import { textOf } from '../reason-examples.ts';
import { logicalSlot, physicalSlot } from '../vocabulary-examples.ts';

const end = lsn(0x1000_0000n);
const rounded = lsn(end + ROUNDING_BYTES);
const beyond = lsn(rounded + 1n);

describe('a position beyond the end of WAL', { timeout: 20_000 }, () => {
  test('may be a little beyond, as clients round up', () => {
    const slots = [logicalSlot('a', { confirmedFlushLsn: rounded }), physicalSlot('b')];
    assert.deepEqual(sortOutImplausible(slots, end), { plausible: slots, implausible: [] });
  });

  test('takes its own slot out and no other, whichever kind of slot it is', () => {
    const good = logicalSlot('good');
    const slots = [
      logicalSlot('a', { confirmedFlushLsn: beyond }),
      good,
      physicalSlot('b', { restartLsn: lsn(2n ** 63n - 1n) }),
    ];
    const { plausible, implausible } = sortOutImplausible(slots, end);
    assert.deepEqual(plausible, [good]);
    assert.deepEqual(
      implausible.map(({ slot }) => slot),
      ['a', 'b'],
    );
    assert.match(textOf(implausible[0]?.reason), /^its confirmed_flush_lsn 0\/11000001 /);
    assert.match(textOf(implausible[1]?.reason), /^its restart_lsn 7FFFFFFF\/FFFFFFFF /);
  });
});
