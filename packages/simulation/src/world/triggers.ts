import type { SimTimer, Trigger } from '../types.ts';

interface Armed {
  readonly trigger: Trigger;
  readonly work: () => void;
  left: number;
}

/** What is to be done in the middle of calls. */
export class Triggers {
  readonly #byProcess = new Map<string, Set<Armed>>();

  add(trigger: Trigger, work: () => void): SimTimer {
    const armed: Armed = { trigger, work, left: trigger.nth };
    const all = this.#byProcess.get(trigger.process) ?? new Set();
    all.add(armed);
    this.#byProcess.set(trigger.process, all);
    return { cancel: () => void all.delete(armed) };
  }

  /** Does what is due at this moment of a call. */
  fire(process: string, kind: string, moment: Trigger['moment']): void {
    const all = this.#byProcess.get(process);
    if (all === undefined) {
      return;
    }
    for (const armed of Array.from(all)) {
      if (armed.trigger.moment === moment && matches(armed.trigger.kind, kind)) {
        armed.left -= 1;
        if (armed.left <= 0) {
          all.delete(armed);
          armed.work();
        }
      }
    }
  }
}

function matches(pattern: string, kind: string): boolean {
  return pattern.endsWith('*') ? kind.startsWith(pattern.slice(0, -1)) : kind === pattern;
}
