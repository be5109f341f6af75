import { type Check, type CheckName, checkText } from '@slotcast/domain';
import { type ErrorCode, type Logger, SlotcastError } from '@slotcast/kernel';

/** What no replay of WAL and no waiting changes. */
const lasting: ReadonlyMap<CheckName, ErrorCode> = new Map([
  ['server_version', 'SC_SERVER_UNSUPPORTED'],
  ['wal_level', 'SC_WAL_LEVEL'],
]);

/** Throws a SlotcastError for a check that stops the service, which come first, and warns of the others. */
export function requirePreconditions(unmet: readonly Check[], logger: Logger): void {
  for (const check of unmet) {
    const detail = checkText(check);
    if (check.stops === 'service') {
      throw new SlotcastError(lasting.get(check.check) ?? 'SC_PRIVILEGE_MISSING', detail, {
        remedy: 'Fix it as the message says.',
        mayPass: !lasting.has(check.check),
      });
    }
    logger.warn({ check: check.check, detail }, 'a precondition is not met');
  }
}
