export {
  connectPostgres,
  type PostgresConnection,
  type Statement,
} from './connection/connection.ts';
export {
  ConnectionPoolerError,
  DatabaseGoneError,
  PostgresConnectionError,
  StatementTimeoutError,
} from './connection/connection-error.ts';
export { clientConfig, connectionProblems, type PostgresOptions } from './connection/connection-options.ts';
export { connectionParameters } from './connection/connection-parameters.ts';
export { ConnectionSettingsError } from './connection/connection-settings-error.ts';
export { refusedAttempt, tryDatabases } from './connection/database-attempts.ts';
export { type DatabaseSession, DatabaseSessions } from './connection/database-sessions.ts';
export { currentDatabase, databaseExists, listDatabases } from './connection/databases.ts';
export { type PostgresErrorClass, postgresErrorClasses } from './connection/error-verdict.ts';
export { passwordFor } from './connection/password-file.ts';
export {
  type ClassifiedError,
  classifyPostgresError,
  describePostgresError,
  isMissingWal,
  isPostgresError,
} from './connection/postgres-error.ts';
export { withProofCopy } from './connection/proof-copy.ts';
export { isPoolerError } from './connection/refused-connection.ts';
export { outputPluginLibraries, silenceLog } from './connection/session-settings.ts';
export type { StatementLimits } from './connection/statement-interruption.ts';
export { readBeyondWal } from './queries/beyond-wal.ts';
export { setFailoverProperty } from './queries/failover-property.ts';
export { readFreeWalsenders } from './queries/free-walsenders.ts';
export { readLeadingSlots } from './queries/leading-slots.ts';
export { emitMessage, type LogicalMessage } from './queries/logical-message.ts';
export {
  endNodeLockHolders,
  type NodeLockHolders,
  readNodeLockHolders,
  releaseNodeLock,
  tryNodeLock,
} from './queries/node-lock.ts';
export {
  type ObservedPrimary,
  observePrimary,
  type PrimaryObservation,
  primaryMemory,
} from './queries/observe-primary.ts';
export {
  type ObservedStandby,
  observeStandby,
  readReplayLsn,
  type StandbyObservation,
  standbyMemory,
} from './queries/observe-standby.ts';
export { readOldestWal } from './queries/oldest-wal.ts';
export { haveAborted, readOldestTransaction, readPreparedTransactions } from './queries/open-transactions.ts';
export { createPhysicalSlot, dropPhysicalSlot } from './queries/physical-slots.ts';
export { findLoadFailure } from './queries/plugin-load.ts';
export { readPreconditions } from './queries/preconditions.ts';
export { PromotedServerError } from './queries/promoted-server.ts';
export { isInRecovery } from './queries/recovery.ts';
export { RecoveryWatch, type WatchedRecovery } from './queries/recovery-watch.ts';
export { ReplayedHistory } from './queries/replayed-history.ts';
export { flushWal, logStandbySnapshot } from './queries/running-xacts.ts';
export {
  readServerFacts,
  readWalSenders,
  type ServerFacts,
  type WalSender,
} from './queries/server-facts.ts';
export {
  mayReadServerFiles,
  READ_FILE_FUNCTION,
  readDecodingSnapshots,
  readRestartLsns,
  readSlotFile,
  type ServerFile,
} from './queries/server-files.ts';
export {
  type IdentifiedSystem,
  identifySystem,
  readServerIdentity,
  readTimelineHistory,
  type ServerIdentity,
} from './queries/server-identity.ts';
export {
  digestCopy,
  judgeReading,
  type ProofCopy,
  readFlushLsn,
  type SlotDigest,
} from './queries/slot-digest.ts';
export {
  createPlaceholder,
  dropPlaceholder,
  dropSlot,
  type FoundPlaceholder,
  replaceByPlaceholder,
  SlotMovedError,
} from './queries/slot-drop.ts';
export {
  type AdvancedSlot,
  type AdvanceTarget,
  advanceSlot,
  advanceSlots,
  type CreatedSlot,
  copySlot,
  copySlots,
  createLogicalSlot,
  createTemporarySlot,
  endCreations,
  endLeftSessions,
  type NewLogicalSlot,
  readExistingSlots,
} from './queries/slot-functions.ts';
export { moveSlots, type SlotMove, type SlotMoveOutcome, takesDecoding } from './queries/slot-moves.ts';
export { dropLeadingSlot, type RemakeOutcome, remakeSlot, type SlotRemake } from './queries/slot-remake.ts';
export { readStandbySettings, type StandbySettings, type WalReceiver } from './queries/standby-settings.ts';
export {
  type ReceivedMessage,
  type ReceivedRow,
  type SubscribeOptions,
  subscribe,
} from './queries/subscription.ts';
export { enableTwoPhase } from './queries/two-phase.ts';
export {
  fillWal,
  maySwitchWal,
  readWalEnd,
  readWalRoom,
  switchWal,
  type WalEnd,
} from './queries/wal-push.ts';
export { readWal } from './queries/wal-stretch.ts';
