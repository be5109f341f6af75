import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  CANARY_PLUGIN,
  CANARY_SLOT,
  isAheadOfWal,
  judgeSeenAhead,
  lsn,
  mayFenceAhead,
  type Ownership,
  type Promotion,
  timeline,
  withAhead,
} from '@slotcast/domain';
import { at } from '../event-examples.ts';
import { logicalSlot } from '../vocabulary-examples.ts';

const MIB = 1024n * 1024n;
const END = lsn(100n * MIB + 5000n);

describe('a position beyond the end of WAL', { timeout: 20_000 }, () => {
  test('is that of a subscriber that is ahead', () => {
    assert.equal(isAheadOfWal({ position: lsn(END + 40n * MIB), insertLsn: END }), true);
    assert.equal(isAheadOfWal({ position: lsn(END + 8193n), insertLsn: END }), true);
    // Enough for a commit, which it would skip.
    assert.equal(isAheadOfWal({ position: lsn(END + 1000n), insertLsn: END }), true);
  });

  test('may be that of a client which rounds up to a byte, a page or a segment', () => {
    for (const position of [END, lsn(END + 1n), lsn(100n * MIB + 8192n), lsn(112n * MIB)]) {
      assert.equal(isAheadOfWal({ position, insertLsn: END }), false, String(position));
    }
    assert.equal(isAheadOfWal({ position: lsn(128n * MIB), insertLsn: END }), true, 'a segment further');
  });
});

describe('what is done about a subscriber that is seen ahead', { timeout: 20_000 }, () => {
  const incarnation = { epoch: 1, seq: 1 };
  const shown = logicalSlot('app');
  const slot = shown.name;
  const owned: Ownership = { incarnation, lineage: 'first', proven: true };
  const promotion: Promotion = {
    timeline: timeline(2),
    switchLsn: at(1000),
    fencedLsn: at(2000),
    ahead: [],
    lost: [],
    time: 0,
  };
  const records = { ownership: new Map([[slot, owned]]), lineage: 'first', promotion };
  const facts = {
    slot,
    position: lsn(END + 40n * MIB),
    insertLsn: END,
    shown,
    published: { incarnation, state: shown },
    records,
  };

  test('slotcast acts on its own slot of a promoted server', () => {
    assert.equal(judgeSeenAhead(facts), 'act');
  });

  test('slots of others, and of a server that was never promoted, are told of alone', () => {
    const synced = { ...shown, synced: true };
    const cases = [
      { records: { ...records, promotion: undefined } },
      { records: { ...records, ownership: new Map() } },
      { published: undefined },
      { shown: synced, published: { incarnation, state: synced } },
    ];
    for (const change of cases) {
      assert.equal(judgeSeenAhead({ ...facts, ...change }), 'tell');
    }
  });

  test("nothing where the slot is gone, the position is rounded up, or the slot is slotcast's canary", () => {
    assert.equal(judgeSeenAhead({ ...facts, shown: undefined }), 'none');
    assert.equal(judgeSeenAhead({ ...facts, position: lsn(END + 1n) }), 'none');
    const canary = logicalSlot(CANARY_SLOT, { plugin: CANARY_PLUGIN });
    assert.equal(judgeSeenAhead({ ...facts, slot: canary.name, shown: canary }), 'none');
  });

  test('nothing about the copy of a slot that was put out of reach, as long as nobody uses it', () => {
    const ahead = [{ slot, confirmedFlushLsn: facts.position, outcome: 'quarantined' }] as const;
    const after = { ...records, promotion: { ...promotion, ahead } };
    for (const name of ['app_diverged', 'app_diverged_again']) {
      const copy = logicalSlot(name, { active: false });
      const seen = { ...facts, slot: copy.name, shown: copy, published: undefined, records: after };
      assert.equal(judgeSeenAhead(seen), 'none', name);
      assert.equal(judgeSeenAhead({ ...seen, shown: { ...copy, active: true } }), 'tell', name);
      assert.equal(judgeSeenAhead({ ...seen, records }), 'tell', name);
    }
  });

  test('a fence is tried with its policy only, and not further than a fence goes', () => {
    assert.equal(mayFenceAhead(facts, promotion, 'fence'), true);
    assert.equal(mayFenceAhead(facts, promotion, 'quarantine'), false);
    assert.equal(mayFenceAhead({ ...facts, position: lsn(1001n + 1024n * MIB) }, promotion, 'fence'), false);
  });

  test('the record says of each slot what was done last, and how far the fence was raised', () => {
    const entry = { slot, confirmedFlushLsn: facts.position };
    const unsafe = withAhead(promotion, { ...entry, outcome: 'unsafe' });
    assert.deepEqual(unsafe.ahead, [{ ...entry, outcome: 'unsafe' }]);
    assert.equal(unsafe.fencedLsn, at(2000));
    const fenced = withAhead(unsafe, { ...entry, outcome: 'fenced' }, at(9000));
    assert.deepEqual([fenced.ahead, fenced.fencedLsn], [[{ ...entry, outcome: 'fenced' }], at(9000)]);
  });
});
