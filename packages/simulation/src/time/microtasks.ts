import { setFlagsFromString } from 'node:v8';

/**
 * Runs all microtasks that are due, before it returns: so a whole history runs within one turn of the event loop, where nothing of the
 * machine can come between. It does nothing when it is called from a microtask. V8 offers it to nobody but its own tests.
 */
export const drainMicrotasks: () => void = makeDrain();

function makeDrain(): () => void {
  setFlagsFromString('--allow-natives-syntax');
  try {
    // oxlint-disable-next-line no-implied-eval
    const drain = new Function('%PerformMicrotaskCheckpoint()');
    return () => {
      drain();
    };
  } finally {
    setFlagsFromString('--no-allow-natives-syntax');
  }
}
