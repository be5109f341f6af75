import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { lsn } from '@slotcast/domain';
import { gapsOf } from '@slotcast/following';
import { factsOf } from './restart-scene.ts';

describe('the gaps of slots as a round saw them', { timeout: 10_000 }, () => {
  const before = factsOf(lsn(100n), lsn(1100n));

  test('are the same while nothing changes', () => {
    const gaps = gapsOf(before);
    assert.deepEqual(
      gaps.map(({ bytes }) => bytes),
      [1000n],
    );
    const plan = { ...before.plan, verdicts: [...before.plan.verdicts] };
    assert.equal(gapsOf({ ...before, plan }), gaps);
  });

  test('are other ones when a slot moved, here or on the primary, and when a copy is sound no more', () => {
    gapsOf(before);
    const bytes = (changed: Partial<typeof before>): readonly bigint[] =>
      gapsOf({ ...before, ...changed }).map((gap) => gap.bytes);
    assert.deepEqual(bytes({ view: factsOf(lsn(600n), lsn(1100n)).view }), [500n]);
    assert.deepEqual(bytes({ desired: factsOf(lsn(100n), lsn(800n)).desired }), [700n]);
    const verdicts = before.plan.verdicts.map((entry) => ({ ...entry, sound: undefined }));
    assert.deepEqual(bytes({ plan: { ...before.plan, verdicts } }), []);
    assert.deepEqual(bytes({}), [1000n]);
  });
});
