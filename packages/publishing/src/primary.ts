import type { SystemIdentifier, TimelineHistory } from '@slotcast/domain';

/** Which line of WAL this server writes. */
export interface PrimaryIdentity {
  readonly systemIdentifier: SystemIdentifier;
  readonly history: TimelineHistory;
  /** `server_version_num`, such as 160014. */
  readonly serverVersion: number;
  /** `pg_postmaster_start_time()`, in milliseconds since 1970. */
  readonly serverStartedAt: number;
}
