import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { NewLeaderFacts, RestartWave, RestartWork } from '@slotcast/domain';
import { choose, gap, gaps, leadingSlot, name } from './restart-examples.ts';
import { mib } from './restart-sizes.ts';

const FAR = [...gaps(3, 5000), gap('elsewhere', 4000, { position: mib(9000) })];

function newLeader(over: Partial<NewLeaderFacts> = {}): NewLeaderFacts {
  return { mayStart: true, fromMs: 300, leftBehind: new Map(), ...over };
}

function waveOf(work: RestartWork): RestartWave {
  return work.kind === 'wave' ? work.wave : assert.fail(work.kind);
}

function namesOf({ stages }: RestartWave): string[] {
  return stages.flatMap(({ slots }) => slots.map(({ slot }) => String(slot))).toSorted();
}

function alone(behind: number, remakeable = true): RestartWork {
  const facts = newLeader({ fromMs: 20 });
  return choose({ gaps: [gap('a', behind, { remakeable })], walPerSecond: 1e9, newLeader: facts });
}

describe('what is done about restart_lsn that is far behind', { timeout: 10_000 }, () => {
  test('is a new leading slot for all that are due, where to lead one would decode much', () => {
    const made = waveOf(choose({ gaps: FAR, walPerSecond: 1e9, newLeader: newLeader() }));
    assert.ok(made.isNew === true && !made.led);
    assert.deepEqual(namesOf(made), ['elsewhere', 's0', 's1', 's2']);
    const little = waveOf(choose({ gaps: gaps(10, 200), walPerSecond: 1e9, newLeader: newLeader() }));
    assert.ok(little.led && little.isNew === undefined);
  });

  test('is to decode while no new leading slot can start', () => {
    const facts = newLeader({ mayStart: false });
    const decoded = waveOf(choose({ gaps: FAR, walPerSecond: 1e9, newLeader: facts }));
    assert.ok(decoded.led && decoded.isNew === undefined);
  });

  test('is a new leading slot, too, for one slot that is very far behind alone', () => {
    assert.equal(waveOf(alone(5000)).isNew, true);
    const [near, kept] = [alone(200), alone(5000, false)];
    assert.ok(near.kind === 'advance' && near.why === 'alone', 'it would lose its name for a moment');
    assert.ok(kept.kind === 'advance' && kept.why === 'alone', 'it cannot be made anew');
  });

  test('is to wait until a slot that the new leading one has left behind comes to where that one begins', () => {
    const leader = leadingSlot(0, mib(10_100));
    const after = (ms: number, position = mib(10_000)): RestartWork =>
      choose({
        gaps: [gap('a', 5000, { position })],
        walPerSecond: 1e9,
        leader,
        newLeader: newLeader({ leftBehind: new Map([[name('a'), ms]]) }),
      });
    assert.equal(after(9_999).kind, 'rest');
    const reached = waveOf(after(9_999, mib(10_100)));
    assert.ok(!reached.led && reached.isNew === undefined && reached.source.slot === leader.slot);
    assert.deepEqual(namesOf(reached), ['a']);
    const late = after(10_000);
    assert.ok(late.kind === 'advance' && late.why === 'alone', 'a newer one would leave it behind again');
  });

  test('is a new leading slot for another slot while one waits', () => {
    const waiting = newLeader({ leftBehind: new Map([[name('a'), 1000]]) });
    const work = choose({ gaps: [gap('a', 6000), gap('b', 5000)], walPerSecond: 1e9, newLeader: waiting });
    assert.equal(waveOf(work).isNew, true);
  });
});
