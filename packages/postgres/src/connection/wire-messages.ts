import type { Lsn } from '@slotcast/domain';

/** Microseconds from the Unix epoch to 2000-01-01, from which PostgreSQL counts. */
const POSTGRES_EPOCH_MS = 946_684_800_000;
const MICROSECONDS = 1000n;
/** The type and the three positions, the time, and whether an answer is wanted. */
const STATUS_UPDATE_BYTES = 34;

/** A message of the frontend: a type, its length with the length itself, and the body. */
function frontendMessage(type: string, body: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.write(type, 'latin1');
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

/** A simple query, or a replication command. */
export function queryMessage(text: string): Buffer {
  return frontendMessage('Q', Buffer.from(`${text}\0`, 'utf8'));
}

export function copyDataMessage(content: Buffer): Buffer {
  return frontendMessage('d', content);
}

/** Ends the sender's side of a copy; a server that streams then ends its own. */
export const copyDoneMessage = frontendMessage('c', Buffer.alloc(0));

/** Tells a walsender that all WAL before `position` was written, flushed and applied; no answer is asked for. `now`: milliseconds since 1970. */
export function statusUpdate(position: Lsn, now: number): Buffer {
  const content = Buffer.alloc(STATUS_UPDATE_BYTES);
  content.write('r', 'latin1');
  content.writeBigUInt64BE(position, 1);
  content.writeBigUInt64BE(position, 9);
  content.writeBigUInt64BE(position, 17);
  content.writeBigInt64BE(BigInt(now - POSTGRES_EPOCH_MS) * MICROSECONDS, 25);
  return content;
}
