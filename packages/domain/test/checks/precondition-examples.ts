import type { PreconditionFacts } from '@slotcast/domain';

/** A standby on which everything is as it should be. */
export const met: PreconditionFacts = {
  major: 18,
  role: 'slotcast',
  database: 'postgres',
  hasReplication: true,
  hasMonitor: true,
  mayLogStandbySnapshot: true,
  maySilenceLog: true,
  mayEmitMessage: true,
  inRecovery: true,
  walLevel: 'logical',
  hotStandbyFeedback: true,
  primarySlotName: 'standby',
  maxReplicationSlots: 10,
  usedReplicationSlots: 9,
};
