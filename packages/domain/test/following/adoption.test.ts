import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  type AdoptionVerdict,
  judgeAdoption,
  type LocalLogicalSlot,
  type Lsn,
  parseSlotName,
} from '@slotcast/domain';
import { at, manifest } from '../event-examples.ts';
import { hold, owningPhysical, reader } from './physical-situations.ts';
import { live, local, owning } from './plan-situations.ts';

/** A slot that slotcast did not make, at `position`, when the primary's stands at 0/2000. */
function adopted(
  position: number,
  over: { furthest?: Lsn; slot?: Partial<LocalLogicalSlot> } = {},
): AdoptionVerdict {
  return judgeAdoption({
    slot: parseSlotName('a'),
    local: local('a', { confirmedFlushLsn: at(position), ...over.slot }),
    event: live('a'),
    furthest: over.furthest ?? at(0x2000),
    manifest: manifest(['a'], { seq: 100 }),
    owned: undefined,
    isCarried: () => true,
  });
}

function refusal(verdict: AdoptionVerdict): string {
  return verdict.kind === 'refuse' ? verdict.reason : '';
}

describe('the adoption of a slot', { timeout: 20_000 }, () => {
  test('records that its position was published, and that it is not known to be sound', () => {
    const ownership = owning({ proven: false, highestLsn: at(0x1800) });
    assert.deepEqual(adopted(0x1800), { kind: 'adopt', ownership });
  });

  test('is refused to one with two_phase that needs what the primary does not keep for its own slot', () => {
    const over = { catalogXmin: 650, restartLsn: at(1) };
    const verdict = judgeAdoption({
      slot: parseSlotName('a'),
      local: local('a', { ...over, twoPhase: true, active: false }),
      event: live('a', { twoPhase: true }),
      furthest: at(0x2000),
      manifest: manifest(['a'], { seq: 100 }),
      owned: undefined,
      isCarried: () => true,
    });
    assert.match(refusal(verdict), /may not have been held back for it: drop it/);
  });

  test('leaves it open whether one with two_phase is safe, as one that was just made', () => {
    const verdict = judgeAdoption({
      slot: parseSlotName('a'),
      local: local('a', { twoPhase: true, active: false }),
      event: live('a', { twoPhase: true }),
      furthest: at(0x2000),
      manifest: manifest(['a'], { seq: 100 }),
      owned: undefined,
      isCarried: () => true,
    });
    assert.equal(verdict.kind === 'adopt' && verdict.ownership.proven, false);
  });

  test('is refused beyond what its subscriber was ever seen to confirm, with both positions', () => {
    assert.match(refusal(adopted(0x2001)), /stands at 0\/2001 here.* has confirmed 0\/2000/);
  });

  test('is not refused because a crash restart took the primary back', () => {
    assert.equal(adopted(0x3000, { furthest: at(0x3000) }).kind, 'adopt');
  });

  test('is refused while another program uses it', () => {
    assert.match(refusal(adopted(0x1800, { slot: { active: true } })), /another program uses a/);
  });
});

describe('the adoption of a physical slot', { timeout: 20_000 }, () => {
  type Input = Parameters<typeof judgeAdoption>[0];

  function judged(over: Partial<Input> = {}): AdoptionVerdict {
    return judgeAdoption({
      slot: parseSlotName('r'),
      local: hold(0x2000),
      event: reader(0x3000),
      furthest: undefined,
      manifest: manifest(['r'], { seq: 100 }),
      owned: undefined,
      isCarried: () => true,
      ...over,
    });
  }

  test('is recorded as that of a physical slot, which is safe as it is', () => {
    assert.deepEqual(judged(), { kind: 'adopt', ownership: owningPhysical() });
    assert.deepEqual(judged({ owned: owningPhysical() }), { kind: 'owned' });
    assert.equal(judged({ owned: owning() }).kind, 'adopt');
  });

  test('is refused where it would be dropped at once, is in use, or of another kind on the primary', () => {
    for (const [over, why] of [
      [{ isCarried: () => false }, /no copy of r is kept here/],
      [{ local: hold(0x2000, { active: true }) }, /another program uses r/],
      [{ local: hold(1, { restartLsn: undefined, walStatus: 'lost' }) }, /is invalidated/],
      [{ local: hold(1, { restartLsn: undefined, walStatus: undefined }) }, /slotcast release/],
      [{ event: undefined }, /has no such slot/],
      [{ event: live('r') }, /has a logical one of that name/],
    ] satisfies [Partial<Input>, RegExp][]) {
      assert.match(refusal(judged(over)), why);
    }
  });
});
