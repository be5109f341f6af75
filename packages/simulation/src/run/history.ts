import { judgeCalm } from '../oracle/calm.ts';
import { judgeGrowth } from '../oracle/growth.ts';
import { REPORT_PATIENCE_MS } from '../oracle/report.ts';
import type { Act, Story } from '../story/act.ts';
import { perform } from '../story/perform.ts';
import { Scene } from '../story/scene.ts';
import type { Note, Violation } from '../types.ts';
import { SimWorld } from '../world/sim-world.ts';

/** Longer than any back-off or patience of the services. */
const SETTLE_MS = 25_000;
/** How long is looked afterwards whether anything changes or grows. */
const REST_MS = 15_000;
/** So many times longer a report is waited for, where it was nobody's turn to give it: services that are killed come again within that, others never do. */
const LATE_REPORTS = 2;

/** What came of a story. */
export interface History {
  readonly violations: readonly Violation[];
  readonly notes: readonly Note[];
  /** Acts that were done. */
  readonly steps: number;
  /** What the services have asked of servers and log. */
  readonly calls: number;
  readonly virtualMs: number;
  /** The same for two runs that took the same course. */
  readonly traceHash: string;
}

export interface RunOptions {
  /** Ends with the first of these; absent: goes to the end. */
  readonly until?: ((violation: Violation) => boolean) | undefined;
  /** Lets a while pass at the end, in which nothing happens, and looks whether all has come to rest. For stories that leave nothing broken. */
  readonly calm?: boolean | undefined;
  /** Ends with the last act when no subscriber was passed over; else, and when absent, it waits until that is judged. */
  readonly short?: boolean | undefined;
  /** From which level on lines of the services are kept; `warn` when absent. */
  readonly logLevel?: 'info' | 'warn';
}

/** Runs a story. */
export async function runStory(story: Story, options: RunOptions = {}): Promise<History> {
  const world = new SimWorld(story.seed);
  const scene = new Scene(world, story.cast, options);
  const { judge } = scene;
  let steps = 0;
  const step = async (act: Act): Promise<boolean> => {
    steps += 1;
    perform(act, scene);
    await world.run(act.kind === 'wait' ? act.ms : 0);
    judge.look(await scene.readySlots());
    return options.until !== undefined && judge.violations.some(options.until);
  };
  let isFound = false;
  for (const act of story.acts) {
    isFound = await step(act);
    if (isFound) {
      break;
    }
  }
  if (!isFound && (options.short !== true || judge.awaitsReport)) {
    isFound = await step({ kind: 'wait', ms: REPORT_PATIENCE_MS + 1000 });
    for (let left = LATE_REPORTS; left > 0 && !isFound && judge.awaitsReport; left -= 1) {
      isFound = await step({ kind: 'wait', ms: REPORT_PATIENCE_MS });
    }
  }
  if (options.calm === true) {
    await world.run(SETTLE_MS);
    const before = scene.sizes();
    await world.run(REST_MS);
    const calm = judgeCalm(await scene.calmFacts(before.at), world.now);
    judge.violations.push(...calm, ...judgeGrowth(before, scene.sizes(), scene.writers));
  }
  return {
    violations: judge.violations,
    notes: judge.notes,
    steps,
    calls: world.callCount,
    virtualMs: world.now,
    traceHash: world.trail.hash,
  };
}
