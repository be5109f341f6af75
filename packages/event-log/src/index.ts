export { BootstrapServers } from './bootstrap-servers.ts';
export * from './event-log.ts';
export type { KafkaLogger, KafkaLogLevel, KafkaLogOptions } from './kafka-client.ts';
export { describeKafkaFailure, type KafkaFailure, type KafkaFailureType } from './kafka-error.ts';
export { createKafkaLog } from './kafka-log.ts';
export * from './log-error.ts';
export { MemoryLog, type MemoryLogOptions } from './memory-log.ts';
export * from './replay-topic.ts';
export * from './topic-settings.ts';
