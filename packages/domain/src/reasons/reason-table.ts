import { blockingReasons } from './blocking-reasons.ts';
import { promotionReasons, topicReasons } from './cluster-reasons.ts';
import { makingReasons } from './making-reasons.ts';
import { proofReasons } from './proof-reasons.ts';
import { rebuildReasons } from './rebuild-reasons.ts';

/** All reasons: their facts, and their sentence. A code is on the wire for good; its sentence may change. */
export const reasonTable = {
  ...makingReasons,
  ...blockingReasons,
  ...promotionReasons,
  ...topicReasons,
  ...proofReasons,
  ...rebuildReasons,
} as const;
export type ReasonCode = keyof typeof reasonTable;
