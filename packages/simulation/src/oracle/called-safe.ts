import type { Violation } from '../types.ts';

/**
 * I3: a standby of which `slotcast prepare-promotion` says that it may be promoted has a good copy of each slot. Bad is a slot that was none some time
 * before the question, nor when the answer came.
 */
export function judgeCalledSafe(node: string, bad: readonly string[], at: number): Violation[] {
  return bad.map((slot) => {
    const text =
      `prepare-promotion calls ${node} safe, where ${slot} would not give its subscriber all that it lacks ` +
      'if it were promoted';
    return { invariant: 'I3', at, slot, text };
  });
}
