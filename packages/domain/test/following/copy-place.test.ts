import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  forgetBeyond,
  judgePlace,
  parseTimelineHistory,
  placeReasons,
  reasonText,
  rememberFurthest,
  timeline,
} from '@slotcast/domain';
import { at } from '../event-examples.ts';
import { local, owning } from './plan-situations.ts';

/** A copy at `position`, judged by what was published and what is on record. */
function placed(position: number, furthest: number | undefined, recorded: number | undefined) {
  const slot = local('a', { confirmedFlushLsn: at(position) });
  return judgePlace(slot, {
    furthest: furthest === undefined ? undefined : at(furthest),
    recorded: recorded === undefined ? undefined : at(recorded),
  });
}

describe('where a copy stands', { timeout: 20_000 }, () => {
  test('is sound up to what its subscriber was ever seen to confirm, by the events or by the record', () => {
    assert.equal(placed(0x3000, 0x3000, undefined).kind, 'sound');
    assert.equal(placed(0x3000, 0x2000, 0x3000).kind, 'sound');
    assert.equal(placed(0x3000, undefined, 0x3000).kind, 'sound');
  });

  test('beyond both was done by somebody else, and the reason has both positions', () => {
    const place = placed(0x3001, 0x2000, 0x3000);
    assert.equal(place.kind, 'strayed');
    assert.match(
      reasonText(placeReasons(place)),
      /stands at 0\/3001 here.* more than 0\/3000: somebody moved it/,
    );
  });

  test('cannot be explained when nothing was recorded before', () => {
    const place = placed(0x3001, 0x3000, undefined);
    assert.equal(place.kind, 'unexplained');
    assert.match(reasonText(placeReasons(place)), /0\/3001 here, and it is not on record/);
    assert.match(reasonText(placeReasons(placed(0x3001, undefined, undefined))), /\(nothing was seen\)/);
  });

  test('counts its restart_lsn, too, and a slot in the making stands nowhere yet', () => {
    const newer = local('a', { restartLsn: at(0x4000), confirmedFlushLsn: at(0x2000) });
    assert.equal(judgePlace(newer, { furthest: at(0x3000), recorded: at(0x2000) }).kind, 'strayed');
    const making = local('a', { restartLsn: undefined, confirmedFlushLsn: undefined });
    assert.equal(judgePlace(making, { furthest: undefined, recorded: undefined }).kind, 'sound');
  });
});

describe('what is kept of the published positions with the ownership of a copy', { timeout: 20_000 }, () => {
  const here = local('a', { confirmedFlushLsn: at(0x3000) });
  const kept = (furthest: number, replay: number, recorded: number | undefined) =>
    rememberFurthest(owning({ highestLsn: recorded === undefined ? undefined : at(recorded) }), here, {
      furthest: at(furthest),
      replayLsn: at(replay),
    }).highestLsn;

  test('is the furthest one that replay has reached, and it never shrinks', () => {
    assert.equal(kept(0x4000, 0x9000, 0x3000), at(0x4000));
    assert.equal(kept(0x4000, 0x3800, 0x3000), at(0x3800));
    assert.equal(kept(0x2000, 0x9000, 0x3000), at(0x3000));
    assert.equal(kept(0x4000, 0x9000, undefined), at(0x4000));
  });

  test('covers the copy where a restart of the standby took replay back behind it', () => {
    assert.equal(kept(0x4000, 0x2800, undefined), at(0x3000));
  });

  test('stays as it is for a copy that nobody can vouch for', () => {
    assert.equal(kept(0x2000, 0x9000, 0x2000), at(0x2000));
    assert.equal(kept(0x2000, 0x9000, undefined), undefined);
  });
});

describe('what stays on record of a copy whose server went over to another timeline', {
  timeout: 20_000,
}, () => {
  const history = parseTimelineHistory(timeline(3), '1\t0/3000\n2\t0/5000');
  const kept = (highest: number, before: number) =>
    forgetBeyond(owning({ highestLsn: at(highest) }), timeline(before), history).highestLsn;

  test('ends where the server left the timeline on which it was recorded', () => {
    assert.equal(kept(0x4000, 1), at(0x3000));
    assert.equal(kept(0x2000, 1), at(0x2000));
    assert.equal(kept(0x4000, 2), at(0x4000));
    assert.equal(kept(0x5001, 2), at(0x5000));
  });

  test('is all of it while the timeline is the same, and where nothing tells when it was left', () => {
    assert.equal(kept(0x9000, 3), at(0x9000));
    assert.equal(kept(0x9000, 4), at(0x9000));
    const unknown = owning({ highestLsn: undefined });
    assert.equal(forgetBeyond(unknown, timeline(1), history), unknown);
  });

  test('ends where the line parts from the topic’s, though the timeline has the same number', () => {
    const other = parseTimelineHistory(timeline(3), '1\t0/3000\n2\t0/4000');
    const beside = (highest: number) =>
      forgetBeyond(owning({ highestLsn: at(highest) }), timeline(3), history, other).highestLsn;
    assert.equal(beside(0x9000), at(0x4000));
    assert.equal(beside(0x3800), at(0x3800));
    assert.equal(
      forgetBeyond(owning({ highestLsn: at(0x9000) }), timeline(3), history, history).highestLsn,
      at(0x9000),
    );
  });
});
