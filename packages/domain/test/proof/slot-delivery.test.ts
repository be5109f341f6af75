import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  countDelivery,
  type Delivery,
  findAhead,
  findDifference,
  type Lsn,
  lsn,
  PROOF_SPANS,
  questionFrom,
  type SpanDigest,
  stretchTo,
} from '@slotcast/domain';
import * as fc from 'fast-check';

const options = { timeout: 10_000 };

function at(bytes: number): Lsn {
  return lsn(BigInt(bytes));
}

/** Positions of a subscriber, of the slot on the primary, and of a copy: each at most as far as the one before. */
const sound = fc
  .tuple(fc.integer({ min: 1, max: 1000 }), fc.integer({ min: 0, max: 100 }))
  .map(([here, more]) => ({ here: at(here), there: at(here + more) }));

const anySpan: fc.Arbitrary<SpanDigest> = fc.record({
  span: fc.integer({ min: 0, max: PROOF_SPANS - 1 }),
  transactions: fc.integer({ min: 1, max: 5 }),
  changes: fc.integer({ min: 1, max: 50 }),
  digest: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
});

const anyDelivery: fc.Arbitrary<Delivery> = fc
  .uniqueArray(anySpan, { selector: ({ span }) => span, minLength: 1, maxLength: 20 })
  .map((spans) => ({ fromLsn: at(1000), toLsn: at(1000 + 100_000), spans }));

describe('the position of a copy', options, () => {
  test('is sound at or behind the slot on the primary, and beyond it only where its subscriber has been', () => {
    fc.assert(
      fc.property(sound, fc.option(fc.integer({ min: 1, max: 2000 }), { nil: undefined }), (place, known) => {
        const furthest = known === undefined ? undefined : at(known);
        assert.equal(findAhead({ ...place, furthest }), undefined);
      }),
    );
    const crashed = { here: at(50), there: at(20) };
    assert.equal(findAhead({ ...crashed, furthest: at(50) }), undefined, 'the primary crashed and went back');
    assert.equal(findAhead({ ...crashed, furthest: at(49) })?.code, 'strayed');
    assert.equal(findAhead({ ...crashed, furthest: undefined })?.facts['furthest'], '0/14');
  });

  test('is where the comparison begins after a crash, as both have delivered what lies before', () => {
    assert.equal(questionFrom({ here: at(50), furthest: at(60) }), at(50));
    assert.equal(
      questionFrom({ here: at(70), furthest: at(60) }),
      at(60),
      'what a stray copy skips is compared',
    );
    assert.equal(questionFrom({ here: at(70), furthest: undefined }), at(1));
  });
});

describe('the stretch to read', options, () => {
  test('is bounded, with what lies before it', () => {
    const asked = { restartLsn: at(100), fromLsn: at(200), endLsn: at(10_000), bytes: 1000n };
    assert.deepEqual(stretchTo(asked), { toLsn: at(1200) });
    assert.deepEqual(stretchTo({ ...asked, endLsn: at(700) }), { toLsn: at(700) });
    const far = stretchTo({ ...asked, fromLsn: at(4101) });
    assert.deepEqual('tooLong' in far && far.tooLong.facts, { bytes: '4001', limit: '4000' });
  });
});

describe('two deliveries', options, () => {
  test('are the same only when every span is', () => {
    fc.assert(
      fc.property(anyDelivery, fc.nat(), fc.integer({ min: 0, max: 3 }), (delivery, pick, kind) => {
        const shuffled = { ...delivery, spans: delivery.spans.toReversed() };
        assert.equal(findDifference(delivery, shuffled), undefined);
        const index = pick % delivery.spans.length;
        const spans = delivery.spans.flatMap((each, own) => {
          const changed = [
            { ...each, transactions: each.transactions + 1 },
            { ...each, changes: each.changes + 1 },
            { ...each, digest: BigInt.asUintN(64, each.digest + 1n) },
          ][kind];
          return own !== index ? [each] : changed === undefined ? [] : [changed];
        });
        assert.equal(findDifference({ ...delivery, spans }, delivery)?.code, 'proof_differs');
        assert.equal(findDifference(delivery, { ...delivery, spans })?.code, 'proof_differs');
      }),
    );
  });

  test('differ first where the positions say', () => {
    const one = { span: 1, transactions: 2, changes: 3, digest: 1n };
    const there = { fromLsn: at(0x1000), toLsn: at(0x1000 + PROOF_SPANS * 0x10), spans: [one] };
    assert.deepEqual(findDifference({ ...there, spans: [] }, there)?.facts, {
      from: '0/1010',
      to: '0/1021',
      here: '0',
      here_changes: '0',
      there: '2',
      there_changes: '3',
    });
    assert.deepEqual(countDelivery(there), { transactions: 2, changes: 3 });
  });
});
