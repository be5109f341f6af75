import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { couldTakeOver, mayReplayMore, readinessStates } from '@slotcast/domain';
import { at } from '../event-examples.ts';
import { live, local, mine, pin, verdictOn } from '../following/plan-situations.ts';
import { saying } from '../reason-examples.ts';

const options = { timeout: 10_000 };

describe('WAL that may still be replayed before a promotion is done', options, () => {
  const caughtUp = { receiveLsn: at(0x900), replayLsn: at(0x900), upstream: undefined };

  test('is none where all that was received is replayed, and nothing comes', () => {
    assert.equal(mayReplayMore(caughtUp), false);
  });

  test('is what was received and not replayed, what a stream brings, and what nobody has told of', () => {
    assert.equal(mayReplayMore({ ...caughtUp, replayLsn: at(0x8ff) }), true);
    assert.equal(mayReplayMore({ ...caughtUp, upstream: 'db1:5432' }), true);
    assert.equal(mayReplayMore({ ...caughtUp, receiveLsn: undefined }), true);
    assert.equal(mayReplayMore({ ...caughtUp, replayLsn: undefined }), true);
  });
});

describe('a copy at a promotion', options, () => {
  test('takes over in these states, and in no other, whatever stands under its name', () => {
    for (const isSound of [true, false]) {
      const able = readinessStates.filter((state) =>
        couldTakeOver({ state, isSound, unpinned: false, mayReplayMore: false }),
      );
      assert.deepEqual(able, isSound ? ['ready', 'lagging', 'unheard', 'retrying', 'native'] : []);
    }
  });

  test('without a pin has survived once no WAL is left that could take it', () => {
    const blocked = { state: 'blocked', isSound: true, unpinned: true } as const;
    assert.equal(couldTakeOver({ ...blocked, mayReplayMore: false }), true);
    assert.equal(couldTakeOver({ ...blocked, mayReplayMore: true }), false);
    assert.equal(couldTakeOver({ ...blocked, isSound: false, mayReplayMore: false }), false);
  });

  test('is without a pin only when nothing else is wrong with it', () => {
    const unpinned = {
      events: [live('a')],
      owned: mine,
      local: [local('a')],
      pin: { ...pin, hotStandbyFeedback: false },
    };
    assert.equal(verdictOn(unpinned).unpinned, true);
    const behind = { ...unpinned, events: [live('a', { confirmedFlushLsn: at(0x3000) })] };
    const held = verdictOn({
      ...behind,
      holds: { a: { reasons: [saying('moving the slot failed')], pausing: true, cause: 'person' } },
    });
    assert.deepEqual([held.state, held.unpinned], ['blocked', undefined]);
    const unloadable = new Map([['pgoutput', 'could not access file']]);
    const faulty = verdictOn({ ...unpinned, unloadable });
    assert.deepEqual([faulty.state, faulty.unpinned], ['blocked', undefined]);
    assert.equal(verdictOn({ ...unpinned, pin }).unpinned, undefined);
  });
});
