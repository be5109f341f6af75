import type { Clock } from './clock.ts';
import type { Logger } from './logger.ts';

/** What a part of a process runs with, whatever it does: its time, and where it says what happens. */
export interface Runtime {
  readonly clock: Clock;
  readonly logger: Logger;
}
