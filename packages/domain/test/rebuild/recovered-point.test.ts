import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  type FolderPosition,
  type RecoveredPoint,
  type RecoveryTarget,
  recoveredPoint,
  type TimelineHistory,
  timeline,
} from '@slotcast/domain';
import { at, firstTimeline } from '../event-examples.ts';

const standby: FolderPosition = {
  state: 'shut_down_in_recovery',
  checkpointLsn: at(100),
  minRecoveryLsn: at(300),
  backupStartLsn: undefined,
  history: firstTimeline,
  signal: 'standby',
};
const restored: FolderPosition = {
  ...standby,
  state: 'in_production',
  minRecoveryLsn: undefined,
  backupStartLsn: at(200),
  signal: 'recovery',
};
/** Timeline 1 was left at 500, timeline 2 at 900. */
const later: TimelineHistory = {
  timeline: timeline(3),
  ancestors: [
    { timeline: timeline(1), switchLsn: at(500) },
    { timeline: timeline(2), switchLsn: at(900) },
  ],
};

function find(
  folder: FolderPosition,
  target?: Partial<RecoveryTarget> & Pick<RecoveryTarget, 'lsn'>,
  published: TimelineHistory = firstTimeline,
): RecoveredPoint {
  return recoveredPoint(folder, target && { timeline: undefined, ...target }, published);
}

function whyNot(point: RecoveredPoint): string {
  return point.kind === 'refused' ? point.why : '';
}

describe('where a stopped server will be consistent', { timeout: 10_000 }, () => {
  test('a standby: where its control file says, at least', () => {
    const known = { kind: 'known', history: firstTimeline, consistentLsn: 300n, goesOn: 'standby' };
    assert.deepEqual(find(standby), known);
    assert.deepEqual(find({ ...standby, state: 'in_archive_recovery' }), known);
  });

  test('a former primary that stopped in order and goes on as a standby: at its last checkpoint', () => {
    const point = find({ ...standby, state: 'shut_down', minRecoveryLsn: undefined });
    assert.equal(point.kind === 'known' && point.consistentLsn, 100n);
  });

  test('a backup with which no server was started: where replay begins, whatever its control file says', () => {
    const point = find({ ...standby, state: 'in_production', backupStartLsn: at(50) });
    assert.equal(point.kind === 'known' && point.consistentLsn, 50n);
  });

  test('is refused for a primary, and for one that crashed', () => {
    assert.match(whyNot(find({ ...standby, signal: undefined })), /slots are its own/);
    assert.match(whyNot(find({ ...standby, state: 'in_production' })), /in production.*pg_rewind/);
  });

  test('is refused for a standby that goes on beyond where the line of the topic left its timeline', () => {
    const former = { ...standby, minRecoveryLsn: at(501) };
    assert.match(whyNot(find(former, undefined, later)), /left that at 0\/1F4.*pg_rewind/);
    assert.equal(find({ ...standby, minRecoveryLsn: at(500) }, undefined, later).kind, 'known');
  });

  test('is refused without the history of its timeline', () => {
    assert.match(whyNot(find({ ...standby, history: undefined })), /history file/);
  });

  test('a server to be restored: where recovery ends, which has to be said, and to be possible', () => {
    assert.deepEqual(find(restored, { lsn: at(400) }), {
      kind: 'known',
      history: firstTimeline,
      consistentLsn: 400n,
      goesOn: 'restored',
    });
    assert.match(whyNot(find(restored)), /--as-of-lsn/);
    assert.match(whyNot(find(restored, { lsn: at(199) })), /take an older one/);
    assert.match(whyNot(find(standby, { lsn: at(400) })), /no recovery.signal/);
  });

  test('a position that two lines have is refused until somebody says on which recovery ends', () => {
    assert.equal(find(restored, { lsn: at(500) }, later).kind, 'known');
    assert.match(
      whyNot(find(restored, { lsn: at(501) }, later)),
      /timeline 1 was left at 0\/1F4.*--timeline/,
    );
    const on = (which: number): unknown => {
      const point = find(restored, { lsn: at(700), timeline: which }, later);
      return point.kind === 'known' ? point.history : point.why;
    };
    assert.deepEqual(on(1), firstTimeline);
    assert.deepEqual(on(2), { timeline: 2, ancestors: later.ancestors.slice(0, 1) });
    assert.deepEqual(on(3), later);
    assert.match(String(on(4)), /timeline 4 is neither/);
  });
});
