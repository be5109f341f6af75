import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  earlierFences,
  FENCE_MARGIN_BYTES,
  type FencePass,
  fencedLsn,
  fenceTargets,
  isFenced,
  type Lsn,
  lsn,
  MAX_FENCE_BYTES,
  maxLsn,
  parseTimelineHistory,
  plausiblyConfirmed,
  type SlotEvent,
  timeline,
} from '@slotcast/domain';
import * as fc from 'fast-check';
import { at, slotEvent } from '../event-examples.ts';
import { live } from '../following/plan-situations.ts';

const SWITCH = lsn(1n << 40n);
const AFTER = lsn(SWITCH + 1000n);

function targetsOf(events: readonly SlotEvent[], lastLsn?: Lsn): readonly Lsn[] {
  const lastOrigin = lastLsn === undefined ? undefined : { ...slotEvent('z', {}), lsn: lastLsn };
  const published = new Map(events.map((event) => [event.slot, event]));
  return fenceTargets({ published, elsewhere: new Map(), lastOrigin, switchLsn: SWITCH });
}

/** A slot whose subscriber had confirmed `confirmedFlushLsn` when WAL was flushed up to `flushLsn`. */
function confirmedAt(name: string, confirmedFlushLsn: Lsn | undefined, flushLsn: Lsn): SlotEvent {
  return live(name, { confirmedFlushLsn }, { lsn: flushLsn });
}

/** Positions around the point where the timeline was left, up to twice as far as the fence goes. */
const anyPosition: fc.Arbitrary<Lsn> = fc
  .oneof(
    fc.bigInt({ min: -1000n, max: 1000n }),
    fc.bigInt({ min: -FENCE_MARGIN_BYTES, max: 2n * FENCE_MARGIN_BYTES }),
    fc.bigInt({ min: 0n, max: 2n * MAX_FENCE_BYTES }),
  )
  .map((bytes) => lsn(SWITCH + bytes));

const anyEvents: fc.Arbitrary<SlotEvent[]> = fc.uniqueArray(
  fc
    .tuple(
      fc.constantFrom('a', 'b', 'c', 'd'),
      fc.option(anyPosition, { nil: undefined }),
      anyPosition,
      fc.constantFrom('update' as const, 'update' as const, 'create' as const, 'drop' as const),
    )
    .map(([name, confirmed, flushed, op]) => ({ ...confirmedAt(name, confirmed, flushed), op })),
  { selector: (event) => event.slot },
);

const anyPasses: fc.Arbitrary<FencePass[]> = fc.array(
  fc.record({ reachedLsn: anyPosition, clean: fc.boolean() }),
  { maxLength: 4 },
);

describe('the fences of earlier promotions', { timeout: 20_000 }, () => {
  const history = parseTimelineHistory(timeline(3), '1 0/3000\n2 0/5000');
  const told = { ahead: [], lost: [], time: 0 };

  test('count for timelines of this line of descent, that began where it has them', () => {
    const fences = earlierFences(history, [
      { ...told, timeline: timeline(2), switchLsn: at(0x3000), fencedLsn: at(0x4000) },
      { ...told, timeline: timeline(2), switchLsn: at(0x3001), fencedLsn: at(0x9000) },
      { ...told, timeline: timeline(3), switchLsn: at(0x5000) },
      { ...told, timeline: timeline(4), switchLsn: at(0x6000), fencedLsn: at(0x7000) },
    ]);
    assert.deepEqual(fences, new Map([[timeline(2), at(0x4000)]]));
  });
});

describe('what a consumer is known to have confirmed', { timeout: 20_000 }, () => {
  test('is the confirmed_flush_lsn of the newest event', () => {
    assert.equal(plausiblyConfirmed(confirmedAt('a', AFTER, AFTER)), AFTER);
  });

  test('is nothing when it is beyond the WAL of the server that published it', () => {
    assert.equal(plausiblyConfirmed(confirmedAt('a', AFTER, lsn(AFTER - 1n))), undefined);
  });

  test('is nothing for a dropped slot, a tombstone and a physical slot', () => {
    assert.equal(plausiblyConfirmed({ ...confirmedAt('a', SWITCH, AFTER), op: 'drop' }), undefined);
    assert.equal(plausiblyConfirmed(slotEvent('a', {}, { op: 'drop', state: undefined })), undefined);
    assert.equal(plausiblyConfirmed(confirmedAt('a', undefined, AFTER)), undefined);
  });
});

describe('how far the fence is raised', { timeout: 20_000 }, () => {
  const margin = lsn(SWITCH + FENCE_MARGIN_BYTES);
  const limit = lsn(SWITCH + MAX_FENCE_BYTES);

  test('by a margin when nobody is known to be ahead', () => {
    assert.deepEqual(targetsOf([]), [SWITCH, margin]);
    assert.deepEqual(targetsOf([confirmedAt('a', at(0x2000), at(0x2000))]), [SWITCH, margin]);
  });

  test('first past the consumer that is furthest ahead, then past what others may have confirmed since', () => {
    const [near, far] = [lsn(SWITCH + 10n), lsn(SWITCH + 20n)];
    const possible = lsn(far + FENCE_MARGIN_BYTES);
    assert.deepEqual(targetsOf([confirmedAt('a', far, far), confirmedAt('b', near, far)]), [far, possible]);
  });

  test('by the margin past the WAL that the former primary is known to have had: consumers went on from there', () => {
    const written = lsn(margin + 5n);
    const possible = lsn(written + FENCE_MARGIN_BYTES);
    assert.deepEqual(targetsOf([confirmedAt('a', AFTER, AFTER)], written), [AFTER, possible]);
  });

  test('never further than the limit', () => {
    const beyond = lsn(limit + 1n);
    assert.deepEqual(targetsOf([confirmedAt('a', beyond, beyond)]), [limit, limit]);
    assert.deepEqual(targetsOf([confirmedAt('a', AFTER, AFTER)], beyond), [AFTER, limit]);
  });

  test('not for a position that its server never had', () => {
    const odd = confirmedAt('a', lsn(margin + 1000n), SWITCH);
    assert.deepEqual(targetsOf([odd]), [SWITCH, margin]);
  });

  test('in ascending steps that pass every plausible position within the limit', () => {
    fc.assert(
      fc.property(anyEvents, fc.option(anyPosition, { nil: undefined }), (events, lastLsn) => {
        const targets = targetsOf(events, lastLsn);
        assert.deepEqual(
          targets.toSorted((a, b) => (a < b ? -1 : 1)),
          targets,
        );
        assert.ok(targets.every((target) => SWITCH <= target && target <= limit));
        const [first = SWITCH, last = SWITCH] = targets;
        for (const confirmed of events.map(plausiblyConfirmed)) {
          if (confirmed !== undefined && confirmed <= limit) {
            assert.ok(first >= confirmed && last >= confirmed);
          }
        }
        const written = [first, SWITCH, lastLsn ?? SWITCH].reduce(maxLsn);
        const possible = written + FENCE_MARGIN_BYTES;
        assert.equal(last, possible < limit ? possible : limit);
      }),
    );
  });

  test('the same whether implausible and dropped slots are there or not', () => {
    fc.assert(
      fc.property(anyEvents, (events) => {
        const plausible = events.filter((event) => plausiblyConfirmed(event) !== undefined);
        assert.deepEqual(targetsOf(events), targetsOf(plausible));
      }),
    );
  });
});

describe('what the fence has made safe', { timeout: 20_000 }, () => {
  test('is all up to the end of a clean pass, and nothing by any other pass', () => {
    const clean = { reachedLsn: AFTER, clean: true };
    const late = { reachedLsn: lsn(AFTER + 10n), clean: false };
    assert.equal(isFenced(AFTER, [clean, late]), true);
    assert.equal(isFenced(lsn(AFTER + 1n), [clean, late]), false);
    assert.equal(isFenced(SWITCH, [late]), false);
    assert.equal(fencedLsn([clean, late]), AFTER);
    assert.equal(fencedLsn([late]), undefined);
    assert.equal(fencedLsn([]), undefined);
  });

  test('is told by one position: what is fenced by the passes is fenced by the record of them', () => {
    fc.assert(
      fc.property(anyPasses, anyPosition, (passes, confirmed) => {
        const reached = fencedLsn(passes);
        const recorded = reached === undefined ? [] : [{ reachedLsn: reached, clean: true }];
        assert.equal(isFenced(confirmed, recorded), isFenced(confirmed, passes));
      }),
    );
  });
});
