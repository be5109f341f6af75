import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  emptyLine,
  FENCE_MARGIN_BYTES,
  LATE_MS,
  type Lsn,
  lsn,
  MAX_FENCE_BYTES,
  timeline,
  type UnheardTime,
  unheardBefore,
} from '@slotcast/domain';
import { at } from '../event-examples.ts';
import { local, mine } from '../following/plan-situations.ts';
import { confirmed, handOffOf, SWITCH } from './hand-off-situations.ts';

const MIB = 1024n * 1024n;

/** After a publisher fell silent for so long, whose server wrote so much WAL in a second. */
function unheardFor(silentMs: number, bytesPerSecond = 0): UnheardTime {
  const word = { heardAtMs: 1000, bytesPerSecond };
  const found = unheardBefore({ ...emptyLine, word, switchLsn: SWITCH }, 1000 + silentMs);
  assert.ok(found);
  return found;
}

describe('what subscribers may have confirmed while nothing was heard', { timeout: 20_000 }, () => {
  const margin = lsn(SWITCH + FENCE_MARGIN_BYTES);

  test('is next to nothing when the publisher spoke to the end', () => {
    const { reach, isLong, lsn: known } = unheardFor(0);
    assert.deepEqual([reach, isLong, known], [margin, false, SWITCH]);
  });

  test('grows with each second, also where little was written before', () => {
    assert.equal(unheardFor(2000).reach, lsn(margin + 32n * MIB));
    assert.equal(unheardFor(20_000).reach, lsn(margin + 320n * MIB));
  });

  test('grows faster than the server wrote as far as is known', () => {
    assert.equal(unheardFor(2000, Number(20n * MIB)).reach, lsn(margin + 160n * MIB));
  });

  test('never goes further than a fence does', () => {
    assert.equal(unheardFor(1e9, 1e9).reach, lsn(SWITCH + MAX_FENCE_BYTES));
  });

  test('is a long time once two heartbeats are missing', () => {
    assert.deepEqual([unheardFor(LATE_MS).isLong, unheardFor(LATE_MS + 1).isLong], [false, true]);
  });

  test('cannot be said where nobody was heard of, or the end of recovery was not seen', () => {
    const word = { heardAtMs: 0, bytesPerSecond: 0 };
    assert.equal(unheardBefore({ ...emptyLine, switchLsn: SWITCH }, 1), undefined);
    assert.equal(unheardBefore({ ...emptyLine, word, switchLsn: SWITCH }, undefined), undefined);
  });
});

describe('a subscriber that may be ahead, as nobody knows', { timeout: 20_000 }, () => {
  const unheard = { reach: at(0x9000) };
  const known = { events: [confirmed('a', 0x3000)], local: [local('a')], owned: mine, unheard };

  function outcomes(passes: readonly { readonly reachedLsn: Lsn; readonly clean: boolean }[]) {
    return handOffOf({ ...known, passes }).ahead.map(({ slot, outcome }) => `${slot} ${outcome}`);
  }

  test('is told of unless a fence lies beyond all that it can have confirmed', () => {
    assert.deepEqual(outcomes([{ reachedLsn: at(0x9000), clean: true }]), []);
    assert.deepEqual(outcomes([{ reachedLsn: at(0x8fff), clean: true }]), ['a unknown']);
    assert.deepEqual(outcomes([{ reachedLsn: at(0x9000), clean: false }]), ['a unknown']);
  });

  test('keeps its slot', () => {
    const plan = handOffOf({ ...known, passes: [] });
    assert.deepEqual([plan.quarantines, plan.drops], [[], []]);
    assert.equal(plan.ahead[0]?.confirmedFlushLsn, at(0x3000));
  });

  test('is known to be ahead once that is published', () => {
    const events = [confirmed('a', 0x5800)];
    const plan = handOffOf({ ...known, events, passes: [{ reachedLsn: at(0x6000), clean: true }] });
    assert.deepEqual(
      plan.ahead.map(({ outcome }) => outcome),
      ['fenced'],
    );
  });

  test('stays told of when the hand-off is repeated by somebody who saw less', () => {
    const ahead = [{ slot: local('a').name, confirmedFlushLsn: at(0x3000), outcome: 'unknown' as const }];
    const earlier = { timeline: timeline(2), switchLsn: SWITCH, ahead, lost: [], time: 0 };
    const plan = handOffOf({ ...known, unheard: undefined, earlier, passes: [] });
    assert.deepEqual(plan.ahead, ahead);
  });
});
