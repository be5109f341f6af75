import { classifyPostgresError, isPostgresError } from '@slotcast/postgres';

/** disk_full, out_of_memory: elsewhere they are waited for. */
const NO_ROOM = ['53100', '53200'];

/** The server said no, and nobody waits until it might say yes: neither the connection nor an interruption was at fault. */
export function isRefusal(error: unknown): boolean {
  if (!isPostgresError(error)) {
    return false;
  }
  const { class: known, code } = classifyPostgresError(error);
  return code !== undefined && (NO_ROOM.includes(code) || (known !== 'retry' && known !== 'cancelled'));
}
