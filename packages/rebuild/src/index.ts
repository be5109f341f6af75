export { type BackupLabel, parseBackupLabel } from './backup-label.ts';
export { parseConfiguration, parseSwitch } from './configuration-text.ts';
export { type FetchedHistory, fetchHistory } from './fetch-history.ts';
export { type FoundSlot, type FoundSlots, isTaken } from './found-slots.ts';
export { type InstallOptions, installSlot } from './install-slot.ts';
export { type AfterStep, type InstallStep, installSteps } from './install-step.ts';
export { type DataFolder, type FolderOwner, readDataFolder } from './read-data-folder.ts';
export { type AsOf, type RebuildOptions, type Rebuilt, rebuildSlots } from './rebuild.ts';
export { fillRestoreCommand, type RestoreCommand, runRestoreCommand } from './restore-command.ts';
export { readServerProcess, type ServerProcess } from './server-process.ts';
export {
  consistentPointAtHand,
  type FetchedWal,
  type MissingWal,
  runningAtHand,
  type WalRange,
  walAtHand,
} from './wal-at-hand.ts';
export { readWrittenSettings, type WrittenSettings } from './written-settings.ts';
