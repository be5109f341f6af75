import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  keptOwnership,
  type Ownership,
  type Promotion,
  parseSlotName,
  planLeaderSweep,
  quarantineName,
  type RemakingSlot,
  reason,
  remakingAfter,
  remakingSlots,
  timeline,
} from '@slotcast/domain';
import { at } from '../event-examples.ts';
import { local, owning } from '../following/plan-situations.ts';
import { logicalSlot } from '../vocabulary-examples.ts';
import { confirmed, handOffInput, SWITCH } from './hand-off-situations.ts';

const a = parseSlotName('a');
const b = parseSlotName('b');
const state = logicalSlot('a', { confirmedFlushLsn: at(0x3000) });
const owned: Ownership = owning({ remaking: true, highestLsn: at(0x3000) });
const missing: RemakingSlot = { slot: a, state, owned, furthest: at(0x3000) };
const leader = local('slotcast_leader_1', { confirmedFlushLsn: at(0x2800), plugin: 'test_decoding' });
const other = local('slotcast_leader_2', { confirmedFlushLsn: at(0x3001), plugin: 'test_decoding' });

function sweepOf(over: Partial<Parameters<typeof planLeaderSweep>[0]>): {
  readonly made: readonly string[];
  readonly idle: readonly string[];
} {
  const input = { remaking: [missing], here: new Set<string>(), leaders: [leader, other], switchLsn: SWITCH };
  const { restores, idle } = planLeaderSweep({ ...input, ...over });
  return {
    made: restores.map(({ slot, leader: source }) => `${slot} from ${source}`),
    idle: idle.map(({ name }) => name),
  };
}

function keptUpTo(furthest: number): unknown {
  return keptOwnership({ ...missing, furthest: at(furthest) }, SWITCH).highestLsn;
}

describe('the leading slots of a promoted server', () => {
  test('stay as long as a missing slot can be made from them, and go otherwise', () => {
    assert.deepEqual(sweepOf({}), { made: ['a from slotcast_leader_1'], idle: ['slotcast_leader_2'] });
    const all = { made: [], idle: ['slotcast_leader_1', 'slotcast_leader_2'] };
    assert.deepEqual(sweepOf({ here: new Set(['a']) }), all);
    assert.deepEqual(sweepOf({ here: new Set([quarantineName(a)]) }), all);
    assert.deepEqual(sweepOf({ remaking: [] }), all);
    assert.deepEqual(sweepOf({ remaking: [{ ...missing, owned: owning({ highestLsn: at(0x3000) }) }] }), all);
  });

  test('go when they lost their WAL, or were moved on the new timeline', () => {
    const useless = [
      { ...leader, walStatus: 'lost', restartLsn: undefined } as const,
      { ...leader, confirmedFlushLsn: at(0x5001) },
      { ...leader, database: 'hr', databaseOid: 77 },
    ];
    for (const one of useless) {
      assert.deepEqual(sweepOf({ leaders: [one] }), { made: [], idle: [one.name] });
    }
  });
});

describe('what a hand-off knows of slots that were being made anew', () => {
  test('is of slots of the very incarnation and topic that this node owns', () => {
    const events = [confirmed('a', 0x3000), confirmed('b', 0x3000)];
    const names = (ownership: Readonly<Record<string, Ownership>>): string[] =>
      remakingSlots(handOffInput({ events, owned: ownership })).map(({ slot }) => slot);
    assert.deepEqual(names({ a: owned }), ['a']);
    assert.deepEqual(names({ a: { ...owned, lineage: 'another' } }), []);
    assert.deepEqual(names({ a: { ...owned, proven: false } }), []);
    assert.deepEqual(names({ a: { ...owned, incarnation: { epoch: 99, seq: 1 } } }), []);
  });
});

describe('what the publisher goes on to make after a hand-off', () => {
  const promotion: Promotion = {
    timeline: timeline(2),
    switchLsn: SWITCH,
    ahead: [],
    lost: [{ slot: a, reasons: [reason('not_restored', { leader: leader.name })] }],
    time: 7,
  };
  const published = new Map([a, b].map((slot) => [slot, { state, incarnation: owned.incarnation }]));
  const ownership = new Map([a, b].map((slot) => [slot, owned]));
  const known = { published, ownership, lineage: owned.lineage };

  function namesAfter(
    record: Promotion | undefined,
    over: Partial<Parameters<typeof remakingAfter>[1]> = {},
  ): string[] {
    return remakingAfter(record, { ...known, ...over }).map(({ slot }) => slot);
  }

  test('is what the record says is lost, and this node owns as it was published last', () => {
    assert.deepEqual(namesAfter(promotion), ['a']);
    assert.deepEqual(namesAfter(undefined), []);
    assert.deepEqual(namesAfter({ ...promotion, lost: [] }), []);
    assert.deepEqual(namesAfter(promotion, { lineage: 'another' }), []);
    assert.deepEqual(namesAfter(promotion, { published: new Map() }), []);
    assert.deepEqual(namesAfter(promotion, { ownership: new Map() }), []);
    const anew = new Map([[a, { state, incarnation: { epoch: 99, seq: 1 } }]]);
    assert.deepEqual(namesAfter(promotion, { published: anew }), []);
    const atRest = new Map([[a, owning({})]]);
    assert.deepEqual(namesAfter(promotion, { ownership: atRest }), []);
  });

  test('is no slot whose subscriber was ahead, unless the fence made it safe, or it is only not known', () => {
    const entry = { slot: a, confirmedFlushLsn: at(0x5001) };
    const withOutcome = (outcome: 'fenced' | 'quarantined' | 'unsafe' | 'unknown'): Promotion => ({
      ...promotion,
      ahead: [{ ...entry, outcome }],
    });
    assert.deepEqual(namesAfter(withOutcome('fenced')), ['a']);
    assert.deepEqual(namesAfter(withOutcome('unknown')), ['a'], 'it stays in use like any other');
    assert.deepEqual(namesAfter(withOutcome('unsafe')), []);
    assert.deepEqual(namesAfter(withOutcome('quarantined')), []);
  });

  test('is judged by what the hand-off kept with the ownership, which is no more than the server had', () => {
    assert.equal(keptUpTo(0x2000), at(0x3000));
    assert.equal(keptUpTo(0x4000), at(0x4000));
    assert.equal(keptUpTo(0x6000), SWITCH);

    const [slot] = remakingAfter(promotion, known);
    assert.ok(slot);
    const input = { remaking: [slot], here: new Set<string>(), switchLsn: SWITCH };
    assert.equal(planLeaderSweep({ ...input, leaders: [leader] }).restores.length, 1);
    assert.equal(planLeaderSweep({ ...input, leaders: [other] }).restores.length, 0);
  });
});
