export * from './backoff.ts';
export * from './clock.ts';
export * from './config.ts';
export * from './config-error.ts';
export {
  CONFIG_FILE_VARIABLE,
  type ConfigRow,
  configTable,
  plannedSettings,
  type Service,
  type Settings,
  services,
} from './config-table.ts';
export * from './deadline.ts';
export * from './doorbell.ts';
export * from './error-codes.ts';
export { errorFields } from './error-fields.ts';
export * from './exit-code.ts';
export * from './filter-text.ts';
export * from './health.ts';
export * from './http-server.ts';
export * from './kafka-options.ts';
export * from './lifecycle.ts';
export * from './listen-address.ts';
export * from './logger.ts';
export * from './metric-table.ts';
export * from './metrics.ts';
export * from './repeat-level.ts';
export * from './slotcast-error.ts';
export * from './supervise.ts';
export * from './text-table.ts';
