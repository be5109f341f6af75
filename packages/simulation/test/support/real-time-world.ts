import type { LogWorld } from '../../src/log/within.ts';
import type { Pending, SimProcess } from '../../src/types.ts';
import { isPending, PendingCall } from '../../src/world/pending-call.ts';

/** In the time of the machine, where every call is answered at once. */
export const realTimeWorld: LogWorld = {
  after: (ms, work) => {
    const timer = setTimeout(work, ms);
    if (ms > 5_000) {
      timer.unref();
    }
    return { cancel: () => clearTimeout(timer) };
  },
  chance: () => 0.5001,
  pending: <T>() => new PendingCall<T>(),
  async call<T>(_process: SimProcess, _kind: string, effect: () => T | Pending<T>): Promise<T> {
    const result = effect();
    return await (isPending(result) ? ended(result) : result);
  },
};

function ended<T>(pending: Pending<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    pending.whenEnded((outcome) => ('value' in outcome ? resolve(outcome.value) : reject(outcome.error)));
  });
}
