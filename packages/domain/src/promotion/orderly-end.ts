import type { Timeline } from '../vocabulary/identity.ts';
import { type Lsn, lsn } from '../vocabulary/lsn.ts';
import type { EventOrigin } from '../vocabulary/slot-event.ts';

/**
 * How WAL ends that a server replayed. A server that is shut down in an orderly way writes a checkpoint as its last record, when nothing else writes any more, and ends its
 * walsenders after they have sent it. So where a standby was promoted right behind that record, nobody can have confirmed anything that is not here.
 */

/** XLOG_BLCKSZ. With another page size a record is not found where a page ends within it, and nothing is proven. */
const PAGE_BYTES = 8192n;
const SHORT_HEADER_BYTES = 24;
const LONG_HEADER_BYTES = 40;
/** XLP_LONG_HEADER, in `xlp_info`. */
const LONG_HEADER = 2;

/** The header of a record, that of its data, and a `CheckPoint`: the same on 13 to 18. */
const RECORD_BYTES = 24 + 2 + 88;
/** Records begin at multiples of 8. */
const PADDED_BYTES = 120;
const DATA_SHORT = 255;
const XLOG_RESOURCE_MANAGER = 0;
const CHECKPOINT_SHUTDOWN = 0;
/** The other bits of `xl_info` say nothing of what the record is. */
const INFO_MASK = 0xf0;

/** How long a server that was shut down is taken to be down still: later than that it may have been started again, out of sight. */
const STAYS_DOWN_MS = 60_000;

/** Looks at the WAL receiver that lie further apart may have missed another session of it. */
const LOOK_GAP_MS = 2000;

/** WAL from a position on. */
export interface WalStretch {
  readonly from: Lsn;
  readonly bytes: Uint8Array;
}

/** From where on WAL is to be read that ends at `end`, to see its last record if that is a shutdown checkpoint. */
export function lastRecordFrom(end: Lsn): Lsn | undefined {
  const page = end - 1n - ((end - 1n) % PAGE_BYTES);
  const isWithin = end - page >= LONG_HEADER_BYTES + PADDED_BYTES;
  const from = isWithin ? page : page - PAGE_BYTES;
  return from > 0n ? lsn(from) : undefined;
}

/** Where the shutdown checkpoint of `timeline` begins that is the last record of this stretch, which begins with a page; `undefined` when it ends otherwise. */
export function shutdownCheckpoint(stretch: WalStretch, timeline: Timeline): Lsn | undefined {
  const content = recordBytes(stretch);
  const start = content.at(-PADDED_BYTES)?.position;
  if (start === undefined) {
    return undefined;
  }
  const record = new DataView(Uint8Array.from(content.slice(-PADDED_BYTES), ({ byte }) => byte).buffer);
  const isShutdown =
    record.getUint32(0, true) === RECORD_BYTES &&
    record.getUint32(4, true) === 0 &&
    record.getBigUint64(8, true) < start &&
    (record.getUint8(16) & INFO_MASK) === CHECKPOINT_SHUTDOWN &&
    record.getUint8(17) === XLOG_RESOURCE_MANAGER &&
    record.getUint8(24) === DATA_SHORT &&
    record.getUint8(25) === RECORD_BYTES - 26 &&
    // That of a shutdown redoes nothing but itself, as nothing was written meanwhile.
    record.getBigUint64(26, true) === start &&
    record.getUint32(34, true) === timeline;
  return isShutdown ? lsn(start) : undefined;
}

/** Without the headers of pages. */
function recordBytes({ from, bytes }: WalStretch): { readonly position: bigint; readonly byte: number }[] {
  const content: { readonly position: bigint; readonly byte: number }[] = [];
  for (let page = 0; page < bytes.length; page += Number(PAGE_BYTES)) {
    const info = bytes[page + 2] ?? 0;
    const header = (info & LONG_HEADER) === 0 ? SHORT_HEADER_BYTES : LONG_HEADER_BYTES;
    const end = Math.min(bytes.length, page + Number(PAGE_BYTES));
    for (let index = page + header; index < end; index += 1) {
      content.push({ position: from + BigInt(index), byte: bytes[index] ?? 0 });
    }
  }
  return content;
}

/** What one look shows of the WAL receiver while it streams. */
export interface SeenReceiver {
  readonly processId: number;
  readonly timeline: Timeline;
  /** When the sender's last message came, as text. */
  readonly messageAt: string | undefined;
  /** Where the sender's WAL ended by that message. */
  readonly toldEnd: Lsn | undefined;
}

/** The session in which WAL was received last. */
export interface ReceiverWatch {
  readonly processId: number;
  readonly timeline: Timeline;
  readonly firstMessageAt: string | undefined;
  /** Where the sender's WAL ended when it was first heard in this very session; what is shown before may be of the session before. */
  readonly heardEnd: Lsn | undefined;
  /** When it was seen last, and when somebody looked last. */
  readonly seenAtMs: number;
  readonly lookedAtMs: number;
}

/** Follows the WAL receiver from look to look; `receiver` is absent while it does not stream, and when recovery has ended. */
export function noteReceiver(
  watch: ReceiverWatch | undefined,
  receiver: SeenReceiver | undefined,
  lookedAtMs: number,
): ReceiverWatch | undefined {
  if (receiver === undefined) {
    const isGap = watch === undefined || lookedAtMs - watch.lookedAtMs > LOOK_GAP_MS;
    return isGap ? undefined : { ...watch, lookedAtMs };
  }
  const { processId, timeline, messageAt, toldEnd } = receiver;
  if (watch?.processId !== processId) {
    return {
      processId,
      timeline,
      firstMessageAt: messageAt,
      heardEnd: undefined,
      seenAtMs: lookedAtMs,
      lookedAtMs,
    };
  }
  const isHeard = messageAt !== watch.firstMessageAt;
  const heardEnd = watch.heardEnd ?? (isHeard ? toldEnd : undefined);
  return { ...watch, timeline, heardEnd, seenAtMs: lookedAtMs, lookedAtMs };
}

/** What a server shows of how the WAL ends that it replayed. */
export interface WalEnding {
  /** Where the shutdown checkpoint begins that was replayed last; absent when another record was, or that is not known. */
  readonly shutdownLsn: Lsn | undefined;
  /** By which WAL was received last; absent when nobody looked at it to the end. */
  readonly receiver: ReceiverWatch | undefined;
}

/** What speaks for it that the server before was shut down in an orderly way, and not started again. */
interface OrderlySigns extends WalEnding {
  /** The newest record of the line that was left. */
  readonly lastOrigin: Pick<EventOrigin, 'lsn'> | undefined;
  /** By the monotonic clock, as the looks are; absent when nobody saw it. */
  readonly endedAtMs: number | undefined;
}

/**
 * True when the server before was shut down in an orderly way, and this one replayed all that it had written. A server that recovers from a crash writes a checkpoint of the same kind before it lets
 * anybody in; so the record has to have come in a session that had begun before. What was published beyond it shows that the server went on.
 */
export function isOrderlyEnd(signs: OrderlySigns): boolean {
  return orderlyShutdown(signs) !== undefined;
}

/** Where the record of that shutdown begins; `undefined` unless it was so. */
export function orderlyShutdown({
  shutdownLsn,
  receiver,
  lastOrigin,
  endedAtMs,
}: OrderlySigns): Lsn | undefined {
  if (shutdownLsn === undefined || receiver?.heardEnd === undefined || endedAtMs === undefined) {
    return undefined;
  }
  const isProven =
    receiver.heardEnd <= shutdownLsn &&
    endedAtMs - receiver.seenAtMs <= STAYS_DOWN_MS &&
    (lastOrigin === undefined || lastOrigin.lsn <= shutdownLsn);
  return isProven ? shutdownLsn : undefined;
}
