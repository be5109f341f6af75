import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  judgeSeenEnd,
  lastingPass,
  lsn,
  type SeenEnd,
  type ServerLife,
  sameLife,
  startIn,
  timeline,
} from '@slotcast/domain';

const start = { timeline: timeline(2), switchLsn: lsn(100n) };
const life: ServerLife = { serverStartedAt: 1, timeline: timeline(2), replayedLsn: lsn(100n) };
const seen: SeenEnd = { serverStartedAt: 1, start };
const elsewhere = { timeline: timeline(2), switchLsn: lsn(150n) };
const later = { timeline: timeline(3), switchLsn: lsn(200n) };

describe('what was seen of an end of recovery', () => {
  test('counts as long as the server is the same process', () => {
    assert.equal(judgeSeenEnd(seen, { life, start }), 'all');
  });

  test('counts also where nobody has asked yet which timeline began', () => {
    assert.equal(judgeSeenEnd({ ...seen, start: undefined }, { life, start }), 'all');
  });

  test('counts as far as it lasts on the same timeline, after a start or a crash', () => {
    for (const after of [
      { ...life, serverStartedAt: 2, replayedLsn: undefined },
      { ...life, serverStartedAt: 2, replayedLsn: lsn(120n) },
      { ...life, serverStartedAt: 2 },
      { ...life, replayedLsn: lsn(120n) },
    ]) {
      assert.equal(judgeSeenEnd(seen, { life: after, start }), 'lasting');
    }
  });

  test('counts for nothing on another timeline, and on one of the same number that began elsewhere', () => {
    const second = { serverStartedAt: 2, timeline: timeline(2), replayedLsn: lsn(150n) };
    assert.equal(judgeSeenEnd(seen, { life: second, start: elsewhere }), 'nothing');
    assert.equal(
      judgeSeenEnd(seen, { life: { ...second, replayedLsn: undefined }, start: elsewhere }),
      'nothing',
    );
    const third = { serverStartedAt: 2, timeline: timeline(3), replayedLsn: lsn(200n) };
    assert.equal(judgeSeenEnd(seen, { life: third, start: later }), 'nothing');
    assert.equal(judgeSeenEnd(seen, { life: { ...third, serverStartedAt: 1 }, start: later }), 'nothing');
  });

  test('counts for nothing when another server process was seen in recovery, and not where that led', () => {
    const unknown = { serverStartedAt: 0, start: undefined };
    assert.equal(judgeSeenEnd(unknown, { life, start }), 'nothing');
    assert.equal(startIn(life, unknown), undefined);
  });
});

test('of a fence a crash leaves what had been flushed', () => {
  const fence = { reachedLsn: lsn(50n), clean: true };
  assert.deepEqual(lastingPass({ ...fence, flushedLsn: lsn(40n) }), { reachedLsn: lsn(40n), clean: true });
  assert.deepEqual(lastingPass({ ...fence, flushedLsn: lsn(60n) }), fence);
});

test('a life of a server ends with a start, with a crash, and with a promotion', () => {
  assert.ok(sameLife(life, { ...life }));
  for (const other of [
    { ...life, serverStartedAt: 2 },
    { ...life, timeline: timeline(3) },
    { ...life, replayedLsn: undefined },
    undefined,
  ]) {
    assert.ok(!sameLife(life, other));
  }
});
