import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  assertPlan,
  type Hold,
  type Manifest,
  type OrphanedSlot,
  orphanName,
  parseSlotName,
  plan,
  type SlotAction,
} from '@slotcast/domain';
import { at, manifest, slotEvent } from '../event-examples.ts';
import { physicalSlot, shop } from '../vocabulary-examples.ts';
import {
  live,
  local,
  mine,
  outline,
  owning,
  pin,
  planInput,
  planned,
  probed,
  type Situation,
} from './plan-situations.ts';
import { faultsOf } from './wrong-steps.ts';

const a = parseSlotName('a');
const first = { epoch: 1, seq: 1 };
const second = { epoch: 2, seq: 1 };
const orphan: OrphanedSlot = { name: a, incarnation: first, cause: 'missing', since: 0 };
const aside = orphanName(a, first);

/** What a primary writes that took over without `a`; `names` are live there. */
function without(names: readonly string[], over: Partial<Manifest> = {}): Manifest {
  return manifest(names, { epoch: 2, seq: 100 }, { orphans: [orphan], ...over });
}

/** Another slot of that name lives on the primary. */
const successor = live('a', {}, { op: 'create', incarnation: second, epoch: 2, seq: 1 });

function outlines(situation: Situation): Record<string, string> {
  const { verdicts } = planned(situation);
  return Object.fromEntries(verdicts.map((each) => [each.slot, outline(each)]));
}

/** Why the only copy of a situation is kept. */
function keptBecause(situation: Situation): readonly string[] {
  const [only] = planned(situation).verdicts;
  assert.ok(only);
  assert.deepEqual([outline(only), only.orphaned], ['absent', true]);
  return only.reasons.map(({ code }) => code);
}

describe('a copy of a slot that the primary took over without', { timeout: 20_000 }, () => {
  const kept: Situation = { events: [live('a')], manifest: without([]), local: [local('a')], owned: mine };

  test('is kept as it is, and said to be orphaned', () => {
    const [only] = planned(kept).verdicts;
    assert.ok(only);
    assert.deepEqual([outline(only), only.orphaned], ['absent', true]);
    assert.deepEqual(
      only.reasons.map(({ code }) => code),
      ['orphaned'],
    );
  });

  test('is kept whatever the filter selects, and also when no event of it is left', () => {
    assert.deepEqual(outlines({ ...kept, policy: { wanted: () => false } }), { a: 'absent' });
    assert.deepEqual(outlines({ ...kept, events: [] }), { a: 'absent' });
  });

  test('is kept when a later slot of its name was dropped, or is a physical one', () => {
    const dropped = slotEvent('a', { epoch: 2, seq: 9, lsn: 0x9000 }, { op: 'drop', incarnation: second });
    assert.deepEqual(outlines({ ...kept, events: [dropped] }), { a: 'absent' });
    const physical = { ...successor, state: physicalSlot('a') };
    assert.deepEqual(outlines({ ...kept, events: [physical], manifest: without(['a']) }), { a: 'absent' });
  });

  test('goes when it was forgotten', () => {
    const forgotten = manifest([], { epoch: 2, seq: 101 });
    assert.deepEqual(outlines({ ...kept, manifest: forgotten }), { a: 'absent drop' });
  });

  test('is not kept when it could not serve: invalidated, or of two_phase and never proven where it may skip changes', () => {
    const twoPhase = { twoPhase: true };
    for (const [here, owned] of [
      [local('a', { walStatus: 'lost' }), owning()],
      [local('a', { ...twoPhase, plugin: 'test_decoding' }), owning({ proven: false })],
      [local('a', { ...twoPhase, confirmedFlushLsn: at(0x3000) }), owning({ proven: false })],
      [local('a', twoPhase), owning({ proven: false, highestLsn: undefined })],
    ] as const) {
      assert.deepEqual(outlines({ ...kept, local: [here], owned: { a: owned } }), { a: 'absent drop' });
    }
  });

  test('is kept when it only waits for what may have been prepared: it may be the last one, and skips nothing', () => {
    const waiting = {
      ...kept,
      local: [local('a', { twoPhase: true })],
      owned: { a: owning({ proven: false }) },
    };
    assert.deepEqual(outlines(waiting), { a: 'absent' });
    assert.notEqual(faultsOf({ kind: 'drop', slot: a, reason: 'x' }, waiting), '');
  });

  test('is kept with what speaks against it, where it was moved, nothing holds its rows back, or a limit will take it', () => {
    const beyond = { confirmedFlushLsn: at(0x3000) };
    assert.deepEqual(keptBecause({ ...kept, local: [local('a', beyond)] }), ['orphaned', 'strayed']);
    const { highestLsn: _, ...unrecorded } = owning();
    assert.deepEqual(keptBecause({ ...kept, local: [local('a', beyond)], owned: { a: unrecorded } }), [
      'orphaned',
      'unexplained',
    ]);
    const unheld = { ...pin, hotStandbyFeedback: false };
    assert.deepEqual(keptBecause({ ...kept, pin: unheld }), ['orphaned', 'feedback_off']);
    assert.deepEqual(keptBecause({ ...kept, limits: { keepBytes: 1n } }), ['orphaned', 'over_wal_limit']);
  });

  test('is not kept once its WAL was seen to be gone', () => {
    const gone: Hold = { reasons: [], pausing: false, cause: 'missing_wal' };
    assert.deepEqual(outlines({ ...kept, holds: { a: gone } }), { a: 'absent drop' });
    assert.deepEqual(outlines({ ...kept, limits: { oldestWalLsn: at(0x8000) } }), { a: 'absent drop' });
  });

  test('is not made where there is none, and its ownership is given up', () => {
    assert.deepEqual(outlines({ ...kept, local: [], owned: {}, probes: probed }), { a: 'absent' });
    assert.deepEqual(outlines({ ...kept, local: [], probes: probed }), { a: 'absent release' });
  });

  test('is left alone by the check of every step but what keeps it alive', () => {
    const wrong: readonly SlotAction[] = [
      { kind: 'drop', slot: a, reason: 'x' },
      { kind: 'set_aside', slot: a, copy: aside, database: shop, plugin: 'pgoutput' },
    ];
    for (const action of wrong) {
      assert.notEqual(faultsOf(action, kept), '', action.kind);
    }
  });
});

describe('a copy of an orphaned slot whose name another slot has', { timeout: 20_000 }, () => {
  const named: Situation = {
    events: [successor],
    manifest: without(['a']),
    local: [local('a')],
    owned: mine,
  };

  test('gets another name on record, is copied to it, and dropped only then', () => {
    assert.deepEqual(outlines(named), { a: 'catching_up', [aside]: 'catching_up own' });
    const owned = { ...mine, [aside]: owning() };
    assert.deepEqual(outlines({ ...named, owned }), { a: 'catching_up set_aside', [aside]: 'catching_up' });
    const copied = { ...named, owned, local: [local('a'), local(aside)] };
    assert.deepEqual(outlines(copied), { a: 'catching_up drop', [aside]: 'absent' });
    const moved = { ...copied, local: [local(aside)] };
    assert.deepEqual(outlines({ ...moved, probes: probed }), { a: 'catching_up own', [aside]: 'absent' });
  });

  test('is not dropped before its copy is there, by the check of steps', () => {
    const drop: SlotAction = { kind: 'drop', slot: a, reason: 'x' };
    const owned = { ...mine, [aside]: owning() };
    assert.match(faultsOf(drop, { ...named, owned }), /last copy/);
    const beyond = local(aside, { confirmedFlushLsn: at(0x2001) });
    assert.match(faultsOf(drop, { ...named, owned, local: [local('a'), beyond] }), /last copy/);
  });

  test('waits where its other name is taken, or no slot is free', () => {
    const taken = { ...named, local: [local('a'), local(aside)] };
    assert.equal(outlines(taken)['a'], 'blocked');
    const owned = { ...mine, [aside]: owning() };
    assert.equal(outlines({ ...named, owned, maxReplicationSlots: 1 })['a'], 'blocked');
  });

  test('waits for the list of slots that goes with the new slot', () => {
    const early = manifest(['a'], { seq: 100 });
    const situation = { ...named, manifest: early };
    assert.deepEqual(outlines(situation), { a: 'catching_up' });
    assert.match(faultsOf({ kind: 'drop', slot: a, reason: 'x' }, situation), /has not come/);
  });

  test('keeps its name where the new slot is not followed', () => {
    const none = { wanted: () => false, filter: { text: 'none', confirmed: true } };
    assert.deepEqual(outlines({ ...named, policy: none }), { a: 'absent' });
  });

  test('is dropped under its other name when it was forgotten', () => {
    const situation: Situation = {
      events: [successor],
      manifest: manifest(['a'], { epoch: 2, seq: 101 }),
      local: [local(aside)],
      owned: { [aside]: owning() },
    };
    assert.equal(outlines(situation)[aside], 'absent drop');
  });
});

test('an earlier slot that was dropped is no orphan, and is remade', { timeout: 20_000 }, () => {
  const third = { ...orphan, incarnation: { epoch: 9, seq: 9 } };
  const input = planInput({
    events: [successor],
    manifest: without(['a'], { orphans: [third] }),
    local: [local('a')],
    owned: mine,
  });
  const made = plan(input);
  assert.deepEqual(assertPlan(made, input), []);
  assert.deepEqual(made.verdicts.map(outline), ['catching_up drop']);
});

test('each incarnation has a name of its own, whatever the length of the slot’s', { timeout: 20_000 }, () => {
  const long = parseSlotName('a'.repeat(63));
  const names = [first, second].map((incarnation) => orphanName(long, incarnation));
  assert.equal(new Set([...names, orphanName(parseSlotName(`b${'a'.repeat(62)}`), first)]).size, 3);
  assert.equal(aside, 'a_orphaned_1_1');
});
