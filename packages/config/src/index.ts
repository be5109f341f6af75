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
export * from './kafka-options.ts';
export { parseBytes } from './units.ts';
