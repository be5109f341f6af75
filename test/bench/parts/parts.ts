import type { CatchUpResult } from './catch-up.ts';
import type { FloorResult } from './floor.ts';
import type { GrowthResult } from './growth.ts';
import type { MatrixResult } from './matrix.ts';
import type { IdleLoad } from './memory.ts';
import type { PromotionResult } from './promotion.ts';
import type { ReadyResult } from './ready.ts';
import type { ReplayResult } from './replay.ts';
import type { RestartResult } from './restart.ts';
import type { SilenceResult } from './silence.ts';

/** What can be measured, in the order in which it is. The last ones leave a cluster behind that is of no more use. */
export const PARTS = [
  'matrix',
  'floor',
  'silence',
  'ready',
  'catchup',
  'restart',
  'growth',
  'memory',
  'replay',
  'promotion',
] as const;
/** Those whose figures have targets. */
export const PARTS_WITH_TARGETS = [
  'matrix',
  'silence',
  'ready',
  'restart',
  'memory',
  'promotion',
] as const satisfies readonly Part[];

export type Part = (typeof PARTS)[number];

/** What each part finds. */
export interface PartResults {
  readonly matrix: MatrixResult;
  readonly floor: FloorResult;
  readonly silence: SilenceResult;
  readonly ready: readonly ReadyResult[];
  readonly catchup: readonly CatchUpResult[];
  readonly restart: RestartResult;
  readonly growth: GrowthResult;
  readonly memory: readonly IdleLoad[];
  readonly replay: ReplayResult;
  readonly promotion: readonly PromotionResult[];
}
