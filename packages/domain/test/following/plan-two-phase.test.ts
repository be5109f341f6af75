import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Lsn, parseSlotName } from '@slotcast/domain';
import { at } from '../event-examples.ts';
import { whyOf } from '../reason-examples.ts';
import { live, local, mine, outline, owning, planned, probed, verdictOn } from './plan-situations.ts';

/** A slot `a` that is not safe yet, while nothing is prepared on the primary. */
function standingSince(since: number, position: Lsn) {
  return {
    unproven: new Map([[parseSlotName('a'), { position, since, preparedBefore: new Set<number>() }]]),
    prepared: { flushLsn: at(0x9000), transactions: [] },
  };
}

describe('a two_phase slot', { timeout: 20_000 }, () => {
  const twoPhase = { twoPhase: true };
  const unproven = { a: owning({ proven: false }) };
  const stands = { events: [live('a', twoPhase)], owned: unproven };

  test('is made under its real name only after a temporary slot was passed, and owned as unproven', () => {
    const before = verdictOn({
      events: [live('a', { ...twoPhase, confirmedFlushLsn: at(1) })],
      probes: probed,
    });
    assert.equal(outline(before), 'catching_up');
    const { action } = verdictOn({ events: [live('a', twoPhase)], probes: probed });
    assert.deepEqual(action, { kind: 'own', slot: 'a', ownership: owning({ proven: false }) });
    assert.equal(outline(verdictOn({ ...stands, probes: probed })), 'catching_up copy');
    const decoded = [live('a', { ...twoPhase, plugin: 'test_decoding' })];
    const other = { events: decoded, owned: unproven, probes: probed };
    assert.equal(outline(verdictOn(other)), 'catching_up create_two_phase');
  });

  test('becomes two_phase where its copy was to begin, and nowhere else', () => {
    const copied = { ...stands, local: [local('a', { confirmedFlushLsn: at(0x2000) })] };
    assert.equal(outline(verdictOn(copied)), 'catching_up enable_two_phase');
    const elsewhere = [local('a', { confirmedFlushLsn: at(0x1fff) })];
    assert.equal(outline(verdictOn({ ...stands, local: elsewhere })), 'catching_up drop');
    const foreign = { ...copied, owned: mine };
    assert.equal(outline(verdictOn(foreign)), 'catching_up drop');
  });

  test('waits to become two_phase while a crash of the primary has taken its subscriber back to before its start', () => {
    const rewound = [live('a', { ...twoPhase, confirmedFlushLsn: at(0x1fff) })];
    const copied = [local('a', { confirmedFlushLsn: at(0x2000) })];
    const waiting = verdictOn({ ...stands, events: rewound, local: copied });
    assert.equal(outline(waiting), 'catching_up');
    assert.match(whyOf(waiting), /0\/2000/);
  });

  test('that was proven before is unproven again when it has to be made anew', () => {
    const anew = verdictOn({ events: [live('a', twoPhase)], probes: probed, owned: mine });
    assert.deepEqual(anew.action, { kind: 'own', slot: 'a', ownership: owning({ proven: false }) });
  });

  test('is proven as the consumer passes its own consistent point, and advanced only then', () => {
    const made = {
      ...stands,
      local: [local('a', { ...twoPhase, confirmedFlushLsn: at(0x2000) })],
      ...standingSince(0, at(0x2000)),
    };
    assert.deepEqual(verdictOn(made).action, { kind: 'own', slot: 'a', ownership: owning() });
    assert.equal(outline(verdictOn({ ...made, owned: mine })), 'ready');
  });

  test('that the consumer does not pass in time is dropped, and never ready before', () => {
    const made = { ...stands, local: [local('a', { ...twoPhase, confirmedFlushLsn: at(0x2001) })] };
    assert.equal(outline(verdictOn({ ...made, now: 999_999 })), 'catching_up');
    const known = { ...made, ...standingSince(1000, at(0x2001)) };
    assert.equal(outline(verdictOn({ ...known, now: 600_999 })), 'catching_up');
    assert.equal(outline(verdictOn({ ...known, now: 601_000 })), 'catching_up drop');
    const rhythms = new Map([
      [parseSlotName('a'), { confirmedFlushLsn: at(0x2000), time: 0, longestMs: 60_000 }],
    ]);
    assert.equal(outline(verdictOn({ ...known, rhythms, now: 120_999 })), 'catching_up');
    assert.equal(outline(verdictOn({ ...known, rhythms, now: 121_000 })), 'catching_up drop');
  });

  test('is not proven while a transaction is open that was prepared before it starts', () => {
    const held = { xid: 7, gid: 'held' };
    const stood = {
      ...stands,
      local: [local('a', twoPhase)],
      unproven: new Map([
        [parseSlotName('a'), { position: at(0x2000), since: 0, preparedBefore: new Set([7]) }],
      ]),
      now: 9_999_999,
    };
    const waits = verdictOn({ ...stood, prepared: { flushLsn: at(0x3000), transactions: [held] } });
    assert.equal(outline(waits), 'catching_up');
    assert.match(whyOf(waits), /roll back 7, prepared as 'held'/);
    const ended = verdictOn({ ...stood, prepared: { flushLsn: at(0x3000), transactions: [] } });
    assert.deepEqual(ended.action, { kind: 'own', slot: 'a', ownership: owning() });
    assert.match(whyOf(verdictOn(stood)), /waits for the publisher to tell/);
  });

  test('releases the temporary slot while it stands, so that a next attempt waits for a new one to be passed', () => {
    const made = {
      ...stands,
      probes: probed,
      local: [local('a', { ...twoPhase, confirmedFlushLsn: at(0x2001) })],
    };
    assert.deepEqual(planned(made).idleProbes, ['oid 16384']);
  });
});
