export { type HandOffOptions, type HandOffOutcome, handOff } from './hand-off.ts';
export {
  handOffFromTopics,
  knowledgeOf,
  recordHandOff,
  type SettledHandOff,
} from './hand-off-from-topics.ts';
export { HandOffLease } from './hand-off-lease.ts';
export { sweepLeaders } from './leading-slots.ts';
export { readOwnHistory } from './own-history.ts';
export { type EndedRecovery, RecoveryGuard } from './recovery-guard.ts';
export { requirePreconditions } from './require-preconditions.ts';
export { type ReportRole, RoleTracker } from './role-tracker.ts';
export { SlotMover } from './slot-mover.ts';
export { UnreadableSlots } from './unreadable-slots.ts';
export { raiseFence } from './wal-fence.ts';
