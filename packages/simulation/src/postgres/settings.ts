import type { Xid } from './wal.ts';

/** What a server is configured with. */
export interface ServerSettings {
  readonly maxReplicationSlots: number;
  readonly maxWalSenders: number;
  readonly maxPreparedTransactions: number;
  /** Absent: no limit. */
  readonly maxSlotWalKeepBytes: number | undefined;
  readonly walKeepBytes: number;
  /** `wal_receiver_status_interval`: how often a standby tells what its slots need. */
  readonly statusIntervalMs: number;
  readonly checkpointIntervalMs: number;
  /** How often the background writer logs the running transactions where anything was written (`LOG_SNAPSHOT_INTERVAL_MS`). */
  readonly runningIntervalMs: number;
  /** Output plugins that can be loaded. */
  readonly plugins: readonly string[];
  readonly hotStandbyFeedback: boolean;
  /** The role may set `log_min_messages`. */
  readonly maySilenceLog: boolean;
  readonly firstXid: Xid;
}

export const defaultSettings: ServerSettings = {
  maxReplicationSlots: 20,
  maxWalSenders: 20,
  maxPreparedTransactions: 10,
  maxSlotWalKeepBytes: undefined,
  walKeepBytes: 0,
  statusIntervalMs: 1000,
  checkpointIntervalMs: 60_000,
  runningIntervalMs: 15_000,
  plugins: ['pgoutput', 'test_decoding'],
  hotStandbyFeedback: true,
  maySilenceLog: true,
  firstXid: 750,
};
