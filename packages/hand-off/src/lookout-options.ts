import type { SystemIdentifier, TimelineHistory } from '@slotcast/domain';
import type { Clock, Logger } from '@slotcast/kernel';
import type { TopicsContext } from '@slotcast/topics';

/** Which line of WAL a primary writes. */
export interface OwnPrimary {
  readonly systemIdentifier: SystemIdentifier;
  readonly history: TimelineHistory;
}

/** What those need who listen, beside a primary, for other ones. */
export interface LookoutOptions {
  readonly node: string;
  readonly topics: TopicsContext;
  /** The server as it is now. */
  readonly readServer: (signal: AbortSignal) => Promise<OwnPrimary>;
  /** A publisher of this process is at work. */
  readonly isPublished: () => boolean;
  readonly clock: Clock;
  readonly logger: Logger;
}
