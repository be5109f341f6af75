export {
  connectPostgres,
  type PostgresConnection,
  type Statement,
} from './connection.ts';
export {
  ConnectionPoolerError,
  DatabaseGoneError,
  PostgresConnectionError,
  StatementTimeoutError,
} from './connection-error.ts';
export { clientConfig, connectionProblems, type PostgresOptions } from './connection-options.ts';
export { connectionParameters } from './connection-parameters.ts';
export { ConnectionSettingsError } from './connection-settings-error.ts';
export { type DatabaseAttempt, tryDatabases } from './database-attempts.ts';
export { type DatabaseSession, DatabaseSessions } from './database-sessions.ts';
export { currentDatabase, databaseExists, listDatabases } from './databases.ts';
export { type PostgresErrorClass, postgresErrorClasses } from './error-verdict.ts';
export { setFailoverProperty } from './failover-property.ts';
export { readFreeWalsenders } from './free-walsenders.ts';
export { readLeadingSlots } from './leading-slots.ts';
export {
  type ReceivedMessage,
  type ReceivedRow,
  type SubscribeOptions,
  subscribe,
} from './logical-consumer.ts';
export { emitMessage, type LogicalMessage } from './logical-message.ts';
export {
  type ObservedPrimary,
  observePrimary,
  type PrimaryObservation,
  primaryMemory,
} from './observe-primary.ts';
export {
  type ObservedStandby,
  observeStandby,
  readReplayLsn,
  type StandbyObservation,
  standbyMemory,
} from './observe-standby.ts';
export { readOldestWal } from './oldest-wal.ts';
export { haveAborted, readOldestTransaction, readPreparedTransactions } from './open-transactions.ts';
export { passwordFor } from './password-file.ts';
export { findLoadFailure } from './plugin-load.ts';
export {
  type ClassifiedError,
  classifyPostgresError,
  describePostgresError,
  isMissingWal,
  isPostgresError,
} from './postgres-error.ts';
export {
  checkPreconditions,
  type Finding,
  type FindingCode,
  type FindingSeverity,
  findingCodes,
  findingSeverities,
  type ServiceRole,
} from './precondition-check.ts';
export { PreconditionError } from './precondition-error.ts';
export { type PreconditionFacts, readPreconditions } from './preconditions.ts';
export { PromotedServerError } from './promoted-server.ts';
export { isInRecovery } from './recovery.ts';
export { RecoveryWatch, type WatchedRecovery } from './recovery-watch.ts';
export { isPoolerError } from './refused-connection.ts';
export { ReplayedHistory } from './replayed-history.ts';
export { flushWal, logStandbySnapshot } from './running-xacts.ts';
export {
  checkDatabases,
  checkServerExtras,
  checkServerPreconditions,
  checkStreaming,
} from './server-checks.ts';
export {
  readServerFacts,
  readWalSenders,
  type ServerFacts,
  type WalSender,
} from './server-facts.ts';
export {
  type IdentifiedSystem,
  identifySystem,
  readServerIdentity,
  readTimelineHistory,
  type ServerIdentity,
} from './server-identity.ts';
export { majorOf, parseServerVersion, type ServerFeature, supports } from './server-version.ts';
export { outputPluginLibraries, silenceLog } from './session-settings.ts';
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
  dropSlot,
  endCreations,
  endLeftSessions,
  type NewLogicalSlot,
  readExistingSlots,
  SlotMovedError,
} from './slot-functions.ts';
export { moveSlots, type SlotMove, type SlotMoveOutcome } from './slot-moves.ts';
export { dropLeadingSlot, type RemakeOutcome, remakeSlot, type SlotRemake } from './slot-remake.ts';
export { readStandbySettings, type StandbySettings, type WalReceiver } from './standby-settings.ts';
export type { StatementLimits } from './statement-interruption.ts';
export { takesDecoding } from './takes-decoding.ts';
export { fillWal, maySwitchWal, readWalEnd, switchWal, type WalEnd } from './wal-push.ts';
