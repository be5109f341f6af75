export { tellAhead } from './ahead-lookout.ts';
export type { EndedRecovery } from './ended-recovery.ts';
export type { HalfOptions } from './half-options.ts';
export { type HandOffOptions, type HandOffOutcome, handOff } from './hand-off.ts';
export { nodeKnowledge, type SettledHandOff } from './hand-off-from-topics.ts';
export { HandOffLease } from './hand-off-lease.ts';
export type { JoinedLock } from './join-node.ts';
export { raiseFenceLate } from './late-fence.ts';
export { sweepLeaders } from './leading-slots.ts';
export { NodeLock } from './node-lock.ts';
export { NodeMemory, type StateFile } from './node-memory.ts';
export { readOwnHistory } from './own-history.ts';
export type { PromotedSession } from './promoted-session.ts';
export {
  type ActingHalf,
  type FollowingSession,
  Promotion,
  type ToSettle,
} from './promotion.ts';
export { tellAllUnknown } from './promotion-report.ts';
export type { OwnSlots } from './promotion-safety.ts';
export { quarantineSlot } from './quarantine.ts';
export { RecoveryGuard } from './recovery-guard.ts';
export { requirePreconditions } from './require-preconditions.ts';
export { RivalReport } from './rival-report.ts';
export { type ReportRole, RoleTracker } from './role-tracker.ts';
export { runHalf } from './run-half.ts';
export { SlotMover } from './slot-mover.ts';
export { StandingHandOff } from './standing-hand-off.ts';
export { UnreadableSlots } from './unreadable-slots.ts';
export { raiseFence } from './wal-fence.ts';
