import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  type LocalLogicalSlot,
  largestGapBytes,
  parseSlotName,
  type RestartGap,
  restartGaps,
  type SlotVerdict,
  urgentGapBytes,
  verdict,
} from '@slotcast/domain';
import { live, local } from './plan-situations.ts';
import { LARGEST, MIB, mib } from './restart-sizes.ts';

const name = parseSlotName;

describe('the gap of restart_lsn', { timeout: 10_000 }, () => {
  const here = local('a', { restartLsn: mib(100), confirmedFlushLsn: mib(300) });
  const ready: SlotVerdict = { ...verdict({ name: name('a') }, 'ready', []), sound: true };

  function gapsOf(over: {
    here?: Partial<LocalLogicalSlot>;
    restart?: number;
    verdicts?: SlotVerdict[];
  }): RestartGap[] {
    const restartLsn = over.restart === undefined ? undefined : mib(over.restart);
    const event = live('a', { restartLsn, confirmedFlushLsn: mib(400) });
    return restartGaps({
      verdicts: over.verdicts ?? [ready],
      local: [{ ...here, ...over.here }],
      desired: new Map([[event.slot, event]]),
    });
  }

  test('is what the primary’s slot needs less, as far as the copy has come', () => {
    assert.equal(gapsOf({ restart: 250 })[0]?.bytes, 150n * MIB);
    assert.equal(gapsOf({ restart: 350 })[0]?.bytes, 200n * MIB);
    // An open transaction holds back both.
    assert.equal(gapsOf({ restart: 100 })[0]?.bytes, 0n);
    assert.equal(gapsOf({ restart: 50 })[0]?.bytes, 0n);
  });

  test('is none of a slot that is not sound, or has no restart_lsn on either side', () => {
    assert.deepEqual(gapsOf({ restart: 250, verdicts: [{ ...ready, sound: undefined }] }), []);
    assert.deepEqual(gapsOf({}), []);
    assert.deepEqual(gapsOf({ restart: 250, here: { restartLsn: undefined } }), []);
  });

  test('of a slot with two_phase cannot be closed by a copy', () => {
    assert.equal(gapsOf({ restart: 250, here: { twoPhase: true } })[0]?.remakeable, false);
    assert.equal(gapsOf({ restart: 250 })[0]?.remakeable, true);
  });

  test('may be 64 MiB, and less where the server keeps little WAL', () => {
    assert.equal(largestGapBytes({}, LARGEST), 64n * MIB);
    assert.equal(largestGapBytes({ keepBytes: 1024n * MIB }, LARGEST), 64n * MIB);
    assert.equal(largestGapBytes({ keepBytes: 64n * MIB }, LARGEST), 16n * MIB);
  });

  test('is urgent at three times that, and at half of what the server keeps', () => {
    assert.equal(urgentGapBytes({}, LARGEST), 192n * MIB);
    assert.equal(urgentGapBytes({ keepBytes: 1024n * MIB }, LARGEST), 192n * MIB);
    assert.equal(urgentGapBytes({ keepBytes: 256n * MIB }, LARGEST), 128n * MIB);
    assert.equal(urgentGapBytes({ keepBytes: 64n * MIB }, LARGEST), 32n * MIB);
  });
});
