import type { Lsn, SystemIdentifier, Timeline } from '@slotcast/domain';
import {
  flagField,
  lsnField,
  setLsnField,
  systemIdentifierField,
  timelineField,
  viewOf,
} from './byte-fields.ts';
import { crc32c } from './crc32c.ts';
import { FileFormatError } from './file-format-error.ts';
import { type DataFolderMajor, dataFolderMajors, serverLayouts } from './server-layout.ts';

/** `DBState`, in the order of the server's enum. */
export const serverStates = [
  'starting_up',
  'shut_down',
  'shut_down_in_recovery',
  'shutting_down',
  'in_crash_recovery',
  'in_archive_recovery',
  'in_production',
] as const;
export type ServerState = (typeof serverStates)[number];

/** In the order of the server's enum. */
export const walLevels = ['minimal', 'replica', 'logical'] as const;
export type WalLevel = (typeof walLevels)[number];

/** What `global/pg_control` says. */
export interface ControlFile {
  readonly systemIdentifier: SystemIdentifier;
  readonly controlVersion: number;
  readonly catalogVersion: number;
  /** By the catalog version: the control version of 13 to 16 is one. */
  readonly major: DataFolderMajor;
  readonly state: ServerState;
  /** Where the record of the latest checkpoint, or restartpoint, is. */
  readonly checkpointLsn: Lsn;
  /** Replay starts here, unless there is a `backup_label`. */
  readonly redoLsn: Lsn;
  /** The timeline of that checkpoint. */
  readonly timeline: Timeline;
  /** A lower bound of what a standby has replayed, and what it must replay before it is consistent. Absent on a primary. */
  readonly minRecoveryPoint?: Lsn | undefined;
  /** Absent with it. */
  readonly minRecoveryTimeline?: Timeline | undefined;
  /** Set while a backup is being restored. */
  readonly backupStartPoint?: Lsn | undefined;
  /** Set while a backup that was taken from a standby is being restored. */
  readonly backupEndPoint?: Lsn | undefined;
  readonly backupEndRequired: boolean;
  /** The `wal_level` of the server that wrote the WAL. */
  readonly walLevel: WalLevel;
  /** Bytes. */
  readonly walSegmentSize: number;
  /** Bytes. */
  readonly walPageSize: number;
  /** 64 bits: epoch, then transaction id. */
  readonly nextXid: bigint;
  /** 32-bit transaction id; absent when the checkpoint was made at a shutdown, or below `wal_level = replica`. */
  readonly oldestActiveXid?: number | undefined;
  readonly maxPreparedTransactions: number;
}

/** PG_CONTROL_FILE_SIZE. */
const FILE_BYTES = 8192;
const at = {
  systemIdentifier: 0,
  controlVersion: 8,
  catalogVersion: 12,
  state: 16,
  checkpoint: 32,
  redo: 40,
  timeline: 48,
  nextXid: 64,
  oldestActiveXid: 120,
  minRecoveryPoint: 136,
  minRecoveryTimeline: 144,
  backupStartPoint: 152,
  backupEndPoint: 160,
  backupEndRequired: 168,
  walLevel: 172,
  maxPreparedTransactions: 192,
  walPageSize: 224,
  walSegmentSize: 228,
} as const;
const MIN_SEGMENT_BYTES = 2 ** 20;
const MAX_SEGMENT_BYTES = 2 ** 30;

/** Reads `global/pg_control` of any major from 13 to 18. Throws a FileFormatError when it is truncated, damaged, or of another version. */
export function decodeControlFile(bytes: Uint8Array): ControlFile {
  const file = viewOf(bytes);
  if (file.length !== FILE_BYTES) {
    const fault = file.length < FILE_BYTES ? 'short' : 'long';
    throw new FileFormatError(fault, `it has ${file.length} bytes, ${FILE_BYTES} are expected`);
  }
  const major = majorOf(file);
  const checksumAt = serverLayouts[major].control.checksum;
  const [stored, computed] = [file.readUInt32LE(checksumAt), crc32c(file.subarray(0, checksumAt))];
  if (stored !== computed) {
    throw new FileFormatError('checksum', `its checksum is ${stored}, that of its bytes is ${computed}`);
  }
  const minRecoveryPoint = lsnField(file, at.minRecoveryPoint, 'minRecoveryPoint');
  const oldestActiveXid = file.readUInt32LE(at.oldestActiveXid);
  return {
    systemIdentifier: systemIdentifierField(file, at.systemIdentifier),
    controlVersion: file.readUInt32LE(at.controlVersion),
    catalogVersion: file.readUInt32LE(at.catalogVersion),
    major,
    state: memberOf(serverStates, file.readUInt32LE(at.state), 'state'),
    checkpointLsn: setLsnField(file, at.checkpoint, 'checkPoint'),
    redoLsn: setLsnField(file, at.redo, 'redo'),
    timeline: timelineField(file, at.timeline, 'ThisTimeLineID'),
    minRecoveryPoint,
    minRecoveryTimeline:
      minRecoveryPoint && timelineField(file, at.minRecoveryTimeline, 'minRecoveryPointTLI'),
    backupStartPoint: lsnField(file, at.backupStartPoint, 'backupStartPoint'),
    backupEndPoint: lsnField(file, at.backupEndPoint, 'backupEndPoint'),
    backupEndRequired: flagField(file, at.backupEndRequired, 'backupEndRequired'),
    walLevel: memberOf(walLevels, file.readUInt32LE(at.walLevel), 'wal_level'),
    walSegmentSize: sizeField(file, at.walSegmentSize, [MIN_SEGMENT_BYTES, MAX_SEGMENT_BYTES]),
    walPageSize: sizeField(file, at.walPageSize, [1024, 65_536]),
    nextXid: file.readBigUInt64LE(at.nextXid),
    oldestActiveXid: oldestActiveXid === 0 ? undefined : oldestActiveXid,
    maxPreparedTransactions: file.readInt32LE(at.maxPreparedTransactions),
  };
}

function majorOf(file: Buffer): DataFolderMajor {
  const [version, catalogVersion] = [
    file.readUInt32LE(at.controlVersion),
    file.readUInt32LE(at.catalogVersion),
  ];
  const major = dataFolderMajors.find((candidate) => {
    const { control } = serverLayouts[candidate];
    return control.version === version && control.catalogVersion === catalogVersion;
  });
  if (major === undefined) {
    throw new FileFormatError(
      'version',
      `its version is ${version} with catalog version ${catalogVersion}, which is none of PostgreSQL ${dataFolderMajors.join(', ')}`,
    );
  }
  return major;
}

function memberOf<Member>(members: readonly Member[], index: number, fault: 'state' | 'wal_level'): Member {
  const member = members[index];
  if (member === undefined) {
    throw new FileFormatError(fault, `its ${fault} is ${index}, which PostgreSQL does not know`);
  }
  return member;
}

/** A power of two within the bounds. */
function sizeField(file: Buffer, offset: number, [min, max]: readonly [number, number]): number {
  const size = file.readUInt32LE(offset);
  if (size < min || size > max || !Number.isInteger(Math.log2(size))) {
    throw new FileFormatError(
      'size',
      `bytes ${offset} to ${offset + 4} say ${size}: no power of two from ${min} to ${max}`,
    );
  }
  return size;
}
