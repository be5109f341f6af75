import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  HandedOver,
  lsn,
  type Manifest,
  type Promotion,
  parseSystemIdentifier,
  timeline,
} from '@slotcast/domain';

const ONE = timeline(1);
const TWO = timeline(2);

const promotion: Promotion = {
  timeline: TWO,
  switchLsn: lsn(0x300n),
  ahead: [],
  lost: [],
  time: 1_700_000_000_000,
};

const start = { timeline: TWO, switchLsn: promotion.switchLsn };
const onTwo = { timeline: TWO, ancestors: [{ timeline: ONE, switchLsn: promotion.switchLsn }] };

function manifestOn(line: Manifest['timeline']): Manifest {
  return {
    kind: 'manifest',
    lsn: lsn(0x900n),
    timeline: line,
    epoch: 5,
    seq: 40,
    node: 'a',
    time: 1_700_000_000_000,
    systemIdentifier: parseSystemIdentifier('7420156612345678901'),
    history: { timeline: line, ancestors: [] },
    timelineNode: 'a',
    instance: 'i1',
    lineage: 'l1',
    slots: [],
  };
}

describe('what a claim demands', () => {
  test('is there when the hand-off of the promotion to the very timeline is on record', () => {
    assert.equal(HandedOver.onRecord({ promotion }, start)?.promotion, promotion);
    assert.equal(HandedOver.onRecord({ promotion }, { ...start, timeline: timeline(3) }), undefined);
    assert.equal(HandedOver.onRecord({ promotion }, undefined), undefined);
    assert.equal(HandedOver.onRecord({ promotion: undefined }, start), undefined);
    assert.equal(HandedOver.onRecord(undefined, start), undefined);
  });

  test('is not there by the record of a timeline of the same number that began elsewhere', () => {
    assert.equal(HandedOver.onRecord({ promotion }, { ...start, switchLsn: lsn(0x400n) }), undefined);
  });

  test('is there without a record unless slots were published on an earlier timeline last', () => {
    assert.ok(HandedOver.noneNeeded(undefined, TWO));
    assert.ok(HandedOver.noneNeeded(manifestOn(TWO), TWO));
    assert.equal(HandedOver.noneNeeded(manifestOn(ONE), TWO), undefined);
  });

  test('counts no more when a manifest came meanwhile that makes a hand-off needed', () => {
    const none = HandedOver.noneNeeded(undefined, TWO);
    assert.equal(none?.holds(manifestOn(TWO), onTwo), true);
    assert.equal(none?.holds(manifestOn(ONE), onTwo), false);
    assert.equal(HandedOver.onRecord({ promotion }, start)?.holds(manifestOn(ONE), onTwo), true);
  });

  test('counts for its own timeline only', () => {
    const onThree = { timeline: timeline(3), ancestors: [...onTwo.ancestors, start] };
    const elsewhere = { timeline: TWO, ancestors: [{ timeline: ONE, switchLsn: lsn(0x400n) }] };
    assert.equal(HandedOver.noneNeeded(undefined, TWO)?.holds(undefined, onThree), false);
    assert.equal(HandedOver.onRecord({ promotion }, start)?.holds(undefined, onThree), false);
    assert.equal(HandedOver.onRecord({ promotion }, start)?.holds(undefined, elsewhere), false);
  });

  test('cannot be made in another way', () => {
    // @ts-expect-error: the shape alone is not enough
    const forged: HandedOver = { promotion, holds: () => true };
    assert.equal(forged instanceof HandedOver, false);
    // @ts-expect-error: nor is the constructor open
    assert.ok(new HandedOver(TWO, promotion));
  });
});
