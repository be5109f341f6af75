import type { PostgresMajor } from './postgres-binaries.ts';
import type { PostgresSettings } from './postgres-settings.ts';

export interface PrimaryOptions {
  readonly major: PostgresMajor;
  /** `primary` by default. */
  readonly name?: string;
  readonly settings?: PostgresSettings;
  /** Turns fsync on; off by default. */
  readonly durable?: boolean;
}

export interface FollowOptions {
  /** The physical slot on the upstream server, created if missing; the standby's name by default. */
  readonly slotName?: string;
  /** `false`: no physical slot is created or used. */
  readonly withSlot?: boolean;
  /** `false`: return without waiting until WAL streams. */
  readonly waitForStreaming?: boolean;
  /** Milliseconds to wait for that; 30 s by default. */
  readonly timeoutMs?: number;
}

export interface StandbyOptions extends FollowOptions {
  /** Unique in the cluster; also the `application_name` of the standby's connection. Lower case, digits and `_`. */
  readonly name: string;
  readonly settings?: PostgresSettings;
}
