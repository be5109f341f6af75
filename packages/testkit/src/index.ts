export { type ChildProcessOptions, ManagedProcess, type SystemUser } from './child-process.ts';
export { confirmFalsely, type FaultyConfirmation, insistFalsely } from './faulty-client.ts';
export { freePort } from './free-port.ts';
export {
  type KafkaOptions,
  type KafkaServer,
  sharedKafka,
  shareKafkaClasses,
  startKafka,
  uniqueName,
  uniqueTopicPrefix,
} from './kafka.ts';
export { KAFKA_VERSION } from './kafka-libraries.ts';
export type { KafkaPorts } from './kafka-settings.ts';
export { runKafkaTool } from './kafka-tool.ts';
export { findPgRewind, type PgRewind } from './pg-rewind.ts';
export { PluginFolder } from './plugin-folder.ts';
export {
  POSTGRES_MAJORS,
  type PostgresMajor,
  postgresVersion,
  usableBinaries,
} from './postgres-binaries.ts';
export { type PostgresServer, startPrimary } from './postgres-server.ts';
export type { PostgresSettings } from './postgres-settings.ts';
export type { StopMode } from './postmaster.ts';
export type { RoleGrant } from './replication-role.ts';
export { temporaryFolder } from './run-folder.ts';
export type { FollowOptions, PrimaryOptions, StandbyOptions } from './server-options.ts';
export { type TakenWalsender, takeWalsenders } from './taken-walsenders.ts';
export { unprivilegedUser } from './unprivileged-user.ts';
export { type WaitOptions, waitUntil } from './wait-until.ts';
