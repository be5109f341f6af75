import { randomBytes } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32c } from './crc32c.ts';

/** PostgreSQL source, xlog_internal.h: where the long header of a WAL segment's first page has the system identifier. */
const OFFSET_IN_WAL = 24;
/** What of `pg_control` is in use; the rest is zeros (pg_control.h, PG_CONTROL_MAX_SAFE_SIZE). */
const CONTROL_SIZE = 512;

/** Gives a cluster that was never started an identifier of its own, as initdb would: of the present second and chance. */
export async function renewSystemIdentifier(dataFolder: string): Promise<void> {
  const fresh = (BigInt(Math.floor(Date.now() / 1000)) << 32n) | BigInt(randomBytes(4).readUInt32LE());
  const old = await renewInControlFile(join(dataFolder, 'global', 'pg_control'), fresh);
  const wal = join(dataFolder, 'pg_wal');
  for (const name of (await readdir(wal)).filter((file) => /^[0-9A-F]{24}$/.test(file))) {
    await renewInSegment(join(wal, name), { old, fresh });
  }
}

/** The identifier comes first in the file, the checksum of all before it last. Returns the identifier that was there. */
async function renewInControlFile(path: string, fresh: bigint): Promise<bigint> {
  const bytes = await readFile(path);
  const old = bytes.readBigUInt64LE(0);
  let end = 8;
  while (end < CONTROL_SIZE && crc32c(bytes.subarray(0, end)) !== bytes.readUInt32LE(end)) {
    end += 4;
  }
  if (end >= CONTROL_SIZE) {
    throw new Error(`${path} has no checksum where one was expected`);
  }
  bytes.writeBigUInt64LE(fresh, 0);
  bytes.writeUInt32LE(crc32c(bytes.subarray(0, end)), end);
  await writeFile(path, bytes);
  return old;
}

async function renewInSegment(
  path: string,
  { old, fresh }: { readonly old: bigint; readonly fresh: bigint },
): Promise<void> {
  const bytes = await readFile(path);
  if (bytes.readBigUInt64LE(OFFSET_IN_WAL) !== old) {
    throw new Error(`${path} does not begin with the identifier of its system`);
  }
  bytes.writeBigUInt64LE(fresh, OFFSET_IN_WAL);
  await writeFile(path, bytes);
}
