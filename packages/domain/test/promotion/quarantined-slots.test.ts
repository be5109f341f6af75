import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  judgeQuarantines,
  type Promotion,
  parseSlotName,
  putAwayBy,
  quarantinedSlots,
  reason,
  standingPlaceholders,
  timeline,
} from '@slotcast/domain';
import { at } from '../event-examples.ts';
import { local } from '../following/plan-situations.ts';
import { whyOf } from '../reason-examples.ts';
import { placeholder } from './promoted-model.ts';

const [a, b] = [parseSlotName('a'), parseSlotName('b')];

function promotion(over: Partial<Promotion> = {}): Promotion {
  return {
    timeline: timeline(2),
    switchLsn: at(0x5000),
    ahead: [{ slot: a, confirmedFlushLsn: at(0x5800), outcome: 'quarantined' }],
    lost: [{ slot: b, reasons: [reason('strayed_kept', { copy: 'b_diverged' })] }],
    time: 5,
    ...over,
  };
}

const kept = [placeholder('a'), local('a_diverged'), placeholder('b'), local('b_diverged')];

describe('what is told of slots that were quarantined', { timeout: 20_000 }, () => {
  test('names those that were ahead, and those that did not stand where slotcast put them', () => {
    assert.deepEqual([...quarantinedSlots(promotion())], [a, b]);
    assert.deepEqual([...quarantinedSlots(undefined)], []);
  });

  test('are told by what stands in their place: a placeholder, or a copy that has just come', () => {
    const away = putAwayBy([placeholder('a'), local('b_diverged'), local('c')], () => false);
    assert.deepEqual(
      ['a', 'b', 'c', 'd'].map((name) => away(parseSlotName(name))),
      [true, true, false, false],
    );
    assert.equal(putAwayBy([local('b_diverged')], () => true)(b), false);
    const both = [local('b_diverged'), local('b_diverged_again')];
    assert.equal(putAwayBy(both, (slot) => slot === 'b_diverged')(b), true);
  });

  test('are those whose names are kept taken as long as the placeholder is there', () => {
    const slots = [placeholder('a'), local('b'), placeholder('other')];
    assert.deepEqual([...standingPlaceholders(promotion(), slots)], [a]);
  });

  test('is as planned where placeholders and copies stand', () => {
    const judged = judgeQuarantines(promotion(), { slots: kept, before: undefined });
    assert.deepEqual(judged, { standing: promotion(), faults: [] });
  });

  test('is that they are unsafe where the name is free or taken by a slot', () => {
    const { standing, faults } = judgeQuarantines(promotion(), { slots: [local('b')], before: undefined });
    assert.deepEqual([faults, standing.ahead[0]?.outcome], [[a, b], 'unsafe']);
    assert.match(whyOf(standing.lost[0]), /name could not be kept taken/);
  });

  test('names the copy that there is, where something else had the name for it', () => {
    for (const other of [placeholder('b_diverged'), local('b_diverged')]) {
      const slots = [placeholder('a'), placeholder('b'), other, local('b_diverged_again')];
      const { standing } = judgeQuarantines(promotion(), { slots, before: undefined });
      assert.deepEqual(standing.lost, [
        { slot: b, reasons: [reason('strayed_kept', { copy: 'b_diverged_again' })] },
      ]);
    }
    const taken = [placeholder('a'), placeholder('b'), placeholder('b_diverged')];
    const { standing } = judgeQuarantines(promotion(), { slots: taken, before: undefined });
    assert.match(whyOf(standing.lost[0]), /kept no copy/);
  });

  test('is that no copy is kept where there is none', () => {
    const bare = [placeholder('a'), placeholder('b')];
    const { standing, faults } = judgeQuarantines(promotion(), { slots: bare, before: undefined });
    assert.deepEqual([faults, standing.ahead[0]?.outcome], [[], 'quarantined']);
    assert.match(whyOf(standing.lost[0]), /kept no copy/);
  });

  test('stays as it is on record, whatever a person has made of the names since', () => {
    const judged = judgeQuarantines(promotion(), { slots: [local('b')], before: promotion() });
    assert.deepEqual(judged, { standing: promotion(), faults: [] });
  });
});
