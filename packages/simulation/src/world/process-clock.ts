import type { Clock } from '@slotcast/kernel';
import type { Process } from './process.ts';
import type { SimWorld } from './sim-world.ts';

/** The clock of a process: that of its node. */
export function processClock(world: SimWorld, process: Process): Clock {
  return {
    now: () => world.wallMsOf(process.node),
    monotonicMs: () => world.now,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        if (signal.aborted) {
          reject(signal.reason);
          return;
        }
        const timer = world.after(Math.max(ms, 1), end, process);
        function end(): void {
          signal.removeEventListener('abort', abort);
          resolve();
        }
        function abort(): void {
          timer.cancel();
          reject(signal.reason);
        }
        signal.addEventListener('abort', abort, { once: true });
      }),
  };
}
