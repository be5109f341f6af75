import {
  crc32c,
  type DataFolderMajor,
  serverLayouts,
  type WalShape,
  type WalSource,
} from '@slotcast/data-folder';
import { parseSystemIdentifier, timeline } from '@slotcast/domain';

/** Small, so that records go over many borders. */
export const smallShape: WalShape = {
  major: 18,
  systemIdentifier: parseSystemIdentifier('7713452447396375687'),
  segmentSize: 1024,
  pageSize: 256,
};

export interface BuiltRecord {
  readonly manager: number;
  readonly info: number;
  readonly body: Uint8Array;
}

/** Lays records out in pages as a server does. Returns where each begins, and the WAL from `start`, which is the start of a segment. */
export function buildWal(
  records: readonly BuiltRecord[],
  start: bigint,
  shape = smallShape,
): { readonly at: readonly bigint[]; readonly wal: Buffer } {
  const pages: Buffer[] = [];
  const at: bigint[] = [];
  let offset = shape.pageSize;
  const turnPage = (left: number): void => {
    const address = start + BigInt(pages.length * shape.pageSize);
    pages.push(pageHeader(address, { left, shape }));
    offset = address % BigInt(shape.segmentSize) === 0n ? 40 : 24;
  };
  for (const record of records) {
    const bytes = recordBytes(record);
    if (offset === shape.pageSize) {
      turnPage(0);
    }
    at.push(start + BigInt((pages.length - 1) * shape.pageSize + offset));
    for (let done = 0; done < bytes.length; ) {
      if (offset === shape.pageSize) {
        turnPage(bytes.length - done);
      }
      const part = bytes.subarray(done, done + shape.pageSize - offset);
      pages.at(-1)?.set(part, offset);
      offset += part.length;
      done += part.length;
    }
    offset += (8 - (offset % 8)) % 8;
  }
  return { at, wal: Buffer.concat(pages) };
}

export function sourceOf(wal: Buffer, start: bigint, shape = smallShape): WalSource {
  return {
    shape,
    timelineAt: () => timeline(1),
    page: (address) => {
      const offset = Number(address - start);
      return offset < 0 || offset >= wal.length ? undefined : wal.subarray(offset, offset + shape.pageSize);
    },
  };
}

function pageHeader(
  address: bigint,
  { left, shape }: { readonly left: number; readonly shape: WalShape },
): Buffer {
  const page = Buffer.alloc(shape.pageSize);
  const isFirst = address % BigInt(shape.segmentSize) === 0n;
  page.writeUInt16LE(magicOf(shape.major), 0);
  page.writeUInt16LE((left > 0 ? 1 : 0) | (isFirst ? 2 : 0), 2);
  page.writeUInt32LE(1, 4);
  page.writeBigUInt64LE(address, 8);
  page.writeUInt32LE(left, 16);
  if (isFirst) {
    page.writeBigUInt64LE(BigInt(shape.systemIdentifier), 24);
    page.writeUInt32LE(shape.segmentSize, 32);
    page.writeUInt32LE(shape.pageSize, 36);
  }
  return page;
}

function magicOf(major: DataFolderMajor): number {
  return serverLayouts[major].walMagic;
}

function recordBytes({ manager, info, body }: BuiltRecord): Buffer {
  const bytes = Buffer.alloc(24 + body.length);
  bytes.writeUInt32LE(bytes.length, 0);
  bytes.writeUInt8(info, 16);
  bytes.writeUInt8(manager, 17);
  bytes.set(body, 24);
  bytes.writeUInt32LE(crc32c(body, bytes.subarray(0, 20)), 20);
  return bytes;
}

/** The body of a running-transactions record. */
export function runningBody(running: {
  readonly transactions: number;
  readonly subtransactions: number;
  readonly overflowed?: boolean;
  readonly nextXid: number;
  readonly oldestRunningXid: number;
  readonly xids: readonly number[];
}): Buffer {
  const data = Buffer.alloc(24 + 4 * running.xids.length);
  data.writeInt32LE(running.transactions, 0);
  data.writeInt32LE(running.subtransactions, 4);
  data.writeUInt8(Number(running.overflowed ?? false), 8);
  data.writeUInt32LE(running.nextXid, 12);
  data.writeUInt32LE(running.oldestRunningXid, 16);
  data.writeUInt32LE(running.nextXid - 1, 20);
  for (const [index, xid] of running.xids.entries()) {
    data.writeUInt32LE(xid, 24 + 4 * index);
  }
  const isShort = data.length < 256;
  const header = Buffer.alloc(isShort ? 2 : 5);
  header.writeUInt8(isShort ? 255 : 254, 0);
  if (isShort) {
    header.writeUInt8(data.length, 1);
  } else {
    header.writeUInt32LE(data.length, 1);
  }
  return Buffer.concat([header, data]);
}
