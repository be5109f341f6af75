import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { type Lsn, lsn } from '@slotcast/domain';
import type { Clock } from '@slotcast/kernel';
import { factsOf, startWorker } from './restart-scene.ts';

const MIB = 1024n * 1024n;

/** A clock that stands still until it is told to go on, and in which nobody who sleeps wakes up. */
class StoppedClock implements Clock {
  ms = 0;

  now(): number {
    return this.ms;
  }

  monotonicMs(): number {
    return this.ms;
  }

  sleep(_ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    });
  }
}

function mib(count: number): Lsn {
  return lsn(BigInt(count) * MIB);
}

test('a backlog shows while a piece of work, or the wait for it, takes longer than a minute', async () => {
  const clock = new StoppedClock();
  const postgres = { url: 'postgres://127.0.0.1:1/none', applicationName: 'test' };
  const { worker, metrics } = startWorker({ postgres, clock, restartGapBytes: 64n * MIB });
  try {
    // It sleeps from now on, and never chooses another piece of work.
    await turn();
    for (let second = 0; second <= 90; second += 1) {
      clock.ms = second * 1000;
      worker.planned(factsOf(mib(1), mib(300 + second)));
    }
    assert.equal(worker.backlog?.slots, 1);
    assert.equal((await metrics.restartGapBytes.get()).values[0]?.value, Number(389n * MIB));
  } finally {
    await worker.close();
  }
});
