import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isPlaceholder, type LocalSlot, type Ownership, type SlotEvent } from '@slotcast/domain';
import * as fc from 'fast-check';
import { at } from '../event-examples.ts';
import { live, local, mine, owning } from '../following/plan-situations.ts';
import { physicalSlot } from '../vocabulary-examples.ts';
import { confirmed, dropped, type HandOffSituation, SWITCH } from './hand-off-situations.ts';
import { PromotedModel } from './promoted-model.ts';

const names = ['a', 'b', 'c'];

const anyPosition = fc.constantFrom(0x2000, 0x3000, 0x5000, 0x5800, 0x6000, 0x6001);

const anyOwnership: fc.Arbitrary<Ownership> = fc.record({
  incarnation: fc.constantFrom({ epoch: 1, seq: 1 }, { epoch: 1, seq: 1 }, { epoch: 1, seq: 9 }),
  lineage: fc.constantFrom('first', 'first', 'first', 'other'),
  proven: fc.constantFrom(true, true, true, false),
  highestLsn: fc.constantFrom(undefined, at(0x2000), at(0x3000), at(0x5000)),
});

function anyEvent(name: string): fc.Arbitrary<SlotEvent> {
  return fc
    .record({
      position: anyPosition,
      flushed: fc.constantFrom(0x9000, 0x9000, 0x5400),
      failover: fc.boolean(),
    })
    .chain(({ position, flushed, failover }) => {
      const state = { confirmedFlushLsn: at(position), failover };
      const event = live(name, state, { lsn: at(flushed) });
      const lost = live(name, { ...state, walStatus: 'lost' }, { lsn: at(flushed) });
      return fc.constantFrom(event, event, event, event, dropped(name), lost);
    });
}

/** Before a promotion no slot is beyond the point where the timeline is left; but its subscriber may be back before the hand-off. */
function anyLocal(name: string): fc.Arbitrary<LocalSlot> {
  return fc.record({ position: anyPosition, failover: fc.boolean() }).chain(({ position, failover }) => {
    const here = local(name, { confirmedFlushLsn: at(position), failover });
    return fc.constantFrom(
      here,
      here,
      here,
      here,
      { ...here, walStatus: 'lost' },
      { ...here, temporary: true },
      { ...physicalSlot(name), temporary: false },
    );
  });
}

/** Draws something for each name, or nothing. */
function forNames<T>(draw: (name: string) => fc.Arbitrary<T>): fc.Arbitrary<T[]> {
  return fc
    .tuple(...names.map((name) => fc.option(draw(name), { nil: undefined, freq: 5 })))
    .map((drawn) => drawn.filter((one) => one !== undefined));
}

const anySituation: fc.Arbitrary<HandOffSituation> = fc
  .record({
    events: forNames(anyEvent),
    local: forNames(anyLocal),
    owned: forNames((name) => anyOwnership.map((ownership) => [name, ownership] as const)),
    passes: fc.constantFrom(
      [],
      [{ reachedLsn: at(0x6000), clean: true }],
      [{ reachedLsn: at(0x6000), clean: false }],
    ),
    onDivergence: fc.constantFrom('fence' as const, 'fence' as const, 'quarantine' as const),
    unwanted: fc.constantFrom('', 'a'),
  })
  .map(({ owned, unwanted, ...situation }) => ({
    ...situation,
    owned: Object.fromEntries(owned),
    wanted: (slot) => slot.name !== unwanted,
  }));

function stepCount(model: PromotedModel): number {
  const { quarantines, placeholders, drops, advances, failovers } = model.plan();
  const single = [placeholders, drops, advances, failovers].map(({ length }) => length);
  return single.reduce((sum, count) => sum + count, 3 * quarantines.length);
}

describe('the hand-off of all slots', { timeout: 30_000 }, () => {
  test('is done once: a second one has no steps left and reports the same', () => {
    fc.assert(
      fc.property(anySituation, (situation) => {
        const model = new PromotedModel(situation);
        const report = model.run();
        assert.equal(stepCount(model), 0);
        assert.deepEqual(model.run(), report);
      }),
      { numRuns: 500 },
    );
  });

  test('moves owned slots only, forwards only, and not past the point where the timeline was left', () => {
    fc.assert(
      fc.property(anySituation, (situation) => {
        const model = new PromotedModel(situation);
        model.run();
        for (const before of situation.local ?? []) {
          const after = model.slot(before.name);
          const ownership = situation.owned?.[before.name];
          if (ownership === undefined) {
            assert.deepEqual(after, before);
          }
          const { confirmedFlushLsn } = before;
          if (after?.confirmedFlushLsn !== confirmedFlushLsn && after?.confirmedFlushLsn !== undefined) {
            assert.ok(
              ownership?.proven === true && ownership.lineage === 'first' && ownership.incarnation.seq === 1,
            );
            assert.ok(confirmedFlushLsn !== undefined && after.confirmedFlushLsn > confirmedFlushLsn);
            assert.ok(after.confirmedFlushLsn <= SWITCH);
          }
        }
      }),
      { numRuns: 500 },
    );
  });

  test('leaves no name free whose subscriber would miss changes under it', () => {
    fc.assert(
      fc.property(anySituation, (situation) => {
        const model = new PromotedModel(situation);
        const { ahead } = model.run();
        for (const { slot } of ahead.filter(({ outcome }) => outcome === 'quarantined')) {
          assert.ok(isPlaceholder(model.slot(slot)), slot);
        }
      }),
      { numRuns: 500 },
    );
  });

  test('accounts for every live slot that was wanted: it is usable, or it is reported', () => {
    fc.assert(
      fc.property(anySituation, (situation) => {
        const model = new PromotedModel(situation);
        const { ahead, lost } = model.run();
        const reported = new Set([
          ...lost.map(({ slot }) => slot),
          ...ahead.filter(({ outcome }) => outcome !== 'fenced').map(({ slot }) => slot),
        ]);
        for (const { op, slot, state } of situation.events ?? []) {
          const here = model.slot(slot);
          const usable = here?.type === 'logical' && !here.temporary && here.walStatus !== 'lost';
          const wanted = state !== undefined && situation.wanted?.(state) === true;
          assert.ok(
            op === 'drop' || state?.walStatus === 'lost' || !wanted || usable || reported.has(slot),
            slot,
          );
        }
      }),
      { numRuns: 500 },
    );
  });

  test('comes to the same end when it is interrupted after any step, before anything is recorded', () => {
    fc.assert(
      fc.property(anySituation, (situation) => {
        const straight = new PromotedModel(situation);
        const count = stepCount(straight);
        const report = straight.run();
        for (let steps = 0; steps < count; steps += 1) {
          const model = new PromotedModel(situation);
          model.run(steps);
          assert.deepEqual(model.run(), report);
          assert.deepEqual(model.slots, straight.slots);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('what must not wait', { timeout: 30_000 }, () => {
  test('leaves no slot that would be quarantined or dropped, and the hand-off comes to the same end after it', () => {
    fc.assert(
      fc.property(anySituation, (situation) => {
        const straight = new PromotedModel(situation);
        const report = straight.run();
        const model = new PromotedModel(situation);
        model.makeSafe();
        const { quarantines, drops } = model.plan();
        assert.deepEqual([quarantines, drops], [[], []]);
        assert.deepEqual(model.run(), report);
        assert.deepEqual(model.slots, straight.slots);
      }),
      { numRuns: 500 },
    );
  });

  test('moves no slot, and makes none', () => {
    fc.assert(
      fc.property(anySituation, (situation) => {
        const model = new PromotedModel(situation);
        model.makeSafe();
        for (const slot of model.slots) {
          const before = situation.local?.find(({ name }) => name === slot.name);
          // A placeholder stands where a slot was.
          assert.ok(before === undefined || before === slot || slot.type === 'physical');
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('a subscriber that makes its slot anew before the hand-off is repeated', { timeout: 20_000 }, () => {
  const anew = local('a', { restartLsn: at(0x7000), confirmedFlushLsn: at(0x7000) });

  function remade(situation: HandOffSituation) {
    const model = new PromotedModel(situation);
    const report = model.run();
    assert.ok(model.slot('a')?.type !== 'logical');
    model.remake(anew);
    return { model, report };
  }

  test('keeps it, and stays reported as quarantined', () => {
    const event = live('a', { confirmedFlushLsn: at(0x8000), failover: true }, { lsn: at(0x9000) });
    const { model, report } = remade({ events: [event], local: [local('a')], owned: mine });
    assert.equal(report.ahead[0]?.outcome, 'quarantined');
    assert.deepEqual(model.run(), report);
    assert.equal(model.slot('a'), anew);
  });

  test('keeps it, and the slot before it stays reported as lost', () => {
    const event = live('a', { confirmedFlushLsn: at(0x3000), failover: true }, { lsn: at(0x9000) });
    const { model, report } = remade({ events: [event], owned: mine });
    assert.deepEqual(
      report.lost.map(({ slot }) => slot),
      ['a'],
    );
    assert.deepEqual(model.run(), report);
    assert.equal(model.slot('a'), anew);
  });

  test('keeps it when its two_phase slot was dropped as unsafe', () => {
    const owned = { a: owning({ proven: false }) };
    const { model, report } = remade({ events: [confirmed('a', 0x3000)], local: [local('a')], owned });
    assert.deepEqual(model.run(), report);
    assert.equal(model.slot('a'), anew);
  });
});
