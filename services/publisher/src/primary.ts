import type { SystemIdentifier, TimelineHistory } from '@slotcast/domain';

/** Which line of WAL this server writes. */
export interface PrimaryIdentity {
  readonly systemIdentifier: SystemIdentifier;
  readonly history: TimelineHistory;
}
