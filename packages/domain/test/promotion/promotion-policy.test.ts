import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  BALANCED_STOP_MS,
  decidePromotion,
  type OtherCandidate,
  type PromotionDecision,
  type PromotionQuestion,
  type PromotionRisk,
} from '@slotcast/domain';

const other: OtherCandidate = { node: 'db3', stale: false, lost: new Set(), ahead: new Set() };

function risks(of: Readonly<Record<string, PromotionRisk>>): PromotionQuestion['slots'] {
  return Object.entries(of).map(([slot, risk]) => ({ slot, risk }));
}

const idle = risks({ orders: 'none', idle: 'not_ready' });
const ahead = risks({ orders: 'diverged' });

function decide(over: Partial<PromotionQuestion> = {}): PromotionDecision {
  return decidePromotion({
    policy: 'balanced',
    slots: risks({ orders: 'none' }),
    alarm: undefined,
    isFilterDoubted: false,
    isKnown: true,
    publisherSilentMs: 20_000,
    others: [],
    ...over,
  });
}

describe('the policy strict', { timeout: 10_000 }, () => {
  test('stops for any risk, an alarm and a filter in doubt, and goes on only when all is known', () => {
    for (const over of [
      { slots: idle },
      { slots: ahead },
      { alarm: 'topic_new' },
      { isFilterDoubted: true },
    ]) {
      assert.equal(decide({ policy: 'strict', ...over }).kind, 'stop');
      assert.equal(decide({ policy: 'strict', isKnown: false, ...over }).kind, 'stop');
    }
    assert.equal(decide({ policy: 'strict', isKnown: false }).kind, 'cannot_tell');
    assert.equal(decide({ policy: 'strict' }).kind, 'go');
  });
});

describe('the policy never', { timeout: 10_000 }, () => {
  test('stops for nothing', () => {
    assert.equal(decide({ policy: 'never', slots: idle, isKnown: false, alarm: 'split_brain' }).kind, 'go');
  });
});

describe('the policy balanced', { timeout: 10_000 }, () => {
  test('is stopped neither by a slot that nobody has ready, nor by a subscriber that is ahead of all', () => {
    const nobody = { ...other, lost: new Set(['idle']) };
    assert.equal(decide({ slots: idle, others: [nobody] }).kind, 'go');
    assert.equal(decide({ slots: ahead, others: [{ ...other, ahead: new Set(['orders']) }] }).kind, 'go');
    assert.equal(decide({ slots: idle }).kind, 'go');
    assert.equal(decide({ isFilterDoubted: true }).kind, 'go');
  });

  test('stops where another standby would save the slot, and names it', () => {
    const stop = { kind: 'stop', better: [{ slot: 'idle', node: 'db3' }] };
    assert.deepEqual(decide({ slots: idle, others: [other] }), stop);
    assert.deepEqual(decide({ slots: ahead, others: [other] }), {
      kind: 'stop',
      better: [{ slot: 'orders', node: 'db3' }],
    });
    assert.deepEqual(decide({ slots: idle, others: [other], isKnown: false }), stop);
  });

  test('waits for no standby that is silent, or would lose another slot', () => {
    assert.equal(decide({ slots: idle, others: [{ ...other, stale: true }] }).kind, 'go');
    assert.equal(decide({ slots: idle, others: [{ ...other, lost: new Set(['orders']) }] }).kind, 'go');
  });

  test('stops for a while only', () => {
    const late = { publisherSilentMs: BALANCED_STOP_MS };
    assert.equal(decide({ slots: idle, others: [other], ...late }).kind, 'go');
    assert.equal(decide({ slots: idle, others: undefined, ...late }).kind, 'go');
  });

  test('stops while another server is the primary, and cannot tell by a topic that was lost', () => {
    for (const alarm of ['split_brain', 'later_timeline', 'other_branch']) {
      assert.equal(decide({ alarm }).kind, 'stop');
    }
    assert.equal(decide({ alarm: 'topic_emptied' }).kind, 'cannot_tell');
  });

  test('cannot tell where not all is known, or nobody could look at the others', () => {
    assert.equal(decide({ isKnown: false }).kind, 'cannot_tell');
    assert.equal(decide({ slots: idle, isKnown: false }).kind, 'cannot_tell');
    assert.equal(decide({ slots: idle, others: undefined }).kind, 'cannot_tell');
    assert.equal(decide({ others: undefined }).kind, 'go');
  });
});
