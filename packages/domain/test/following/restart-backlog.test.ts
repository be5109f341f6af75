import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  type BacklogWatch,
  lsn,
  noBacklog,
  noteBacklog,
  parseSlotName,
  type RestartGap,
} from '@slotcast/domain';

const MIB = 1024n * 1024n;
const LARGEST = 64n * MIB;
const START = Date.UTC(2026, 0, 1);

function gapOf(mib: number): RestartGap {
  const position = lsn(100_000n * MIB);
  return {
    slot: parseSlotName(`a${mib}`),
    database: { name: 'shop', oid: 1 },
    plugin: 'pgoutput',
    restartLsn: lsn(position - BigInt(mib) * MIB),
    position,
    wanted: position,
    bytes: BigInt(mib) * MIB,
    remakeable: true,
  };
}

/** One look a second, each with these gaps in MiB. */
function watched(looks: readonly (readonly number[])[]): BacklogWatch {
  let watch = noBacklog;
  looks.forEach((look, second) => {
    const seen = { gaps: look.map(gapOf), largestBytes: LARGEST };
    watch = noteBacklog(watch, { ...seen, now: 5000 + second * 1000, time: START + second * 1000 });
  });
  return watch;
}

function growing(from: number, step: number, looks: number): number[][] {
  return Array.from({ length: looks }, (_, second) => [from + second * step, 10]);
}

describe('slots whose restart_lsn falls behind', { timeout: 10_000 }, () => {
  test('are a backlog when the gap is large and has grown for a minute', () => {
    assert.deepEqual(watched(growing(300, 5, 61)).backlog, {
      slots: 1,
      bytes: Number(600n * MIB),
      since: START + 60_000,
    });
    assert.equal(watched(growing(300, 5, 60)).backlog, undefined, 'too short');
    assert.equal(watched(growing(10, 3, 80)).backlog, undefined, 'too small');
  });

  test('are none while the gap is made up, however large it is', () => {
    assert.equal(watched(growing(9000, -10, 80)).backlog, undefined);
    assert.equal(watched(growing(9000, 0, 80)).backlog, undefined);
    const saw = Array.from({ length: 200 }, (_, second) => [100 + (second % 20) * 10]);
    assert.equal(watched(saw).backlog, undefined);
  });

  test('stay one until the gap is small again', () => {
    const grown = growing(300, 5, 61);
    const shrinks = watched([...grown, [500], [300], [129, 130]]);
    assert.deepEqual(shrinks.backlog, { slots: 2, bytes: Number(130n * MIB), since: START + 60_000 });
    assert.equal(watched([...grown, [500], [128]]).backlog, undefined);
    assert.equal(watched([...grown, []]).backlog, undefined);
  });
});
