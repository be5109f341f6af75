import { formatLsn, type Lsn } from '@slotcast/domain';
import { viewOf } from './byte-fields.ts';
import { crc32c } from './crc32c.ts';
import { FileFormatError } from './file-format-error.ts';
import { type DataFolderMajor, serverLayouts } from './server-layout.ts';

const MAGIC = 0x51a1e001;
/** Magic and checksum are not covered by the checksum. */
const CHECKED_FROM = 8;
/** Magic, checksum, version, length, and the first field of what follows. */
const MIN_BYTES = 20;
const at = { checksum: 4, version: 8, length: 12, state: 16 } as const;
/** SNAPBUILD_CONSISTENT. */
const CONSISTENT = 2;

/** The name of the file in `pg_logical/snapshots` from which decoding goes on that starts at this position: `0-8002CC8.snap` of 0/8002CC8. */
export function decodingSnapshotName(position: Lsn): string {
  return `${formatLsn(position).replace('/', '-')}.snap`;
}

/**
 * Throws a FileFormatError unless the bytes are a whole decoding snapshot (`SnapBuildOnDisk`) that a server of this major takes: one that it refuses is an error at the first decoding,
 * and one that is not of a consistent state is passed over without a word. Of what position it is does not stand in it.
 */
export function checkDecodingSnapshot(bytes: Uint8Array, major: DataFolderMajor): void {
  const file = viewOf(bytes);
  if (file.length < MIN_BYTES) {
    throw new FileFormatError('short', `it has only ${file.length} bytes`);
  }
  const magic = file.readUInt32LE(0);
  if (magic !== MAGIC) {
    throw new FileFormatError(
      'magic',
      `it begins with ${magic}, not with ${MAGIC}: it is no decoding snapshot`,
    );
  }
  const version = file.readUInt32LE(at.version);
  const { snapshotVersion } = serverLayouts[major];
  if (version !== snapshotVersion) {
    throw new FileFormatError(
      'version',
      `it has version ${version}, PostgreSQL ${major} writes ${snapshotVersion}`,
    );
  }
  const length = file.readUInt32LE(at.length);
  if (file.length < length) {
    throw new FileFormatError('short', `it has ${file.length} bytes, ${length} by what it says`);
  }
  if (file.length > length) {
    throw new FileFormatError('long', `it has ${file.length} bytes, ${length} by what it says`);
  }
  const [stored, computed] = [file.readUInt32LE(at.checksum), crc32c(file.subarray(CHECKED_FROM))];
  if (stored !== computed) {
    throw new FileFormatError('checksum', `its checksum is ${stored}, that of its bytes is ${computed}`);
  }
  const state = file.readUInt32LE(at.state);
  if (state !== CONSISTENT) {
    throw new FileFormatError('state', `it is of state ${state}, not of a consistent one`);
  }
}
