import type { Logger } from '@slotcast/kernel';

/** The role may not keep the server's log quiet. */
export function warnOfLoudLog(logger: Logger, role: string): void {
  logger.warn(
    { role },
    'each move writes five lines to the server log, so slots are moved once a second only: GRANT SET ON PARAMETER log_min_messages TO the role',
  );
}
