import { isSlotName, type Lsn, type SlotName } from '@slotcast/domain';
import { flagField, lsnField, viewOf } from './byte-fields.ts';
import { crc32c } from './crc32c.ts';
import { FileFormatError } from './file-format-error.ts';
import { type DataFolderMajor, type SlotFileLayout, serverLayouts } from './server-layout.ts';

/** In the order of the server's enum. */
export const slotPersistencies = ['persistent', 'ephemeral', 'temporary'] as const;
export type SlotPersistency = (typeof slotPersistencies)[number];

/** What `pg_replslot/<name>/state` holds. Fields that a major does not have are `undefined`, `false` or 0 there. */
export interface SlotFile {
  readonly name: SlotName;
  /** Oid of the slot's database; 0 for a physical slot. */
  readonly databaseOid: number;
  /** A server removes slots of the other two kinds when it starts. */
  readonly persistency: SlotPersistency;
  /** 32-bit transaction id. */
  readonly xmin?: number | undefined;
  /** 32-bit transaction id. */
  readonly catalogXmin?: number | undefined;
  readonly restartLsn?: Lsn | undefined;
  readonly confirmedFlushLsn?: Lsn | undefined;
  /** 14 and up. */
  readonly twoPhase: boolean;
  /** 14 and up. On 14 it is set for slots without two_phase, too. */
  readonly twoPhaseAt?: Lsn | undefined;
  /** Empty for a physical slot. */
  readonly plugin: string;
  /** 17 and up. */
  readonly synced: boolean;
  /** 17 and up. */
  readonly failover: boolean;
  /** 16 and up: why the slot is of no more use, by the server's own number; 0 when it is not so. */
  readonly invalidated: number;
  /** Up to 15: where WAL that the slot needed was removed. */
  readonly invalidatedAt?: Lsn | undefined;
}

const MAGIC = 0x01051ca1;
/** Magic, checksum, version, length: `ReplicationSlotOnDiskConstantSize`. */
const HEADER_BYTES = 16;
/** Magic and checksum are not covered by the checksum. */
const CHECKED_FROM = 8;
const NAME_BYTES = 64;
const at = {
  checksum: 4,
  version: 8,
  length: 12,
  name: 16,
  database: 80,
  persistency: 84,
  xmin: 88,
  catalogXmin: 92,
  restartLsn: 96,
  confirmedFlushLsn: 112,
} as const;

/**
 * Reads the state file of a slot as a server of this major wrote it. Throws a FileFormatError, with the server's own order of checks first. It refuses more than the
 * server: bytes beyond the end, padding that is not zero, and values that are not known.
 */
export function decodeSlotFile(bytes: Uint8Array, major: DataFolderMajor): SlotFile {
  const layout = serverLayouts[major].slot;
  const file = viewOf(bytes);
  checkEnvelope(file, { layout, major });
  checkZeros(file, layout);
  const name = textField(file, at.name, 'the name');
  if (!isSlotName(name)) {
    throw new FileFormatError('name', `${JSON.stringify(name)} is not the name of a slot`);
  }
  const invalidated = layout.invalidated === undefined ? 0 : file.readUInt32LE(layout.invalidated.offset);
  if (layout.invalidated?.causes.includes(invalidated) === false) {
    throw new FileFormatError(
      'invalidation',
      `invalidated is ${invalidated}, which PostgreSQL ${major} does not know`,
    );
  }
  return {
    name,
    databaseOid: file.readUInt32LE(at.database),
    persistency: persistencyOf(file.readUInt32LE(at.persistency)),
    xmin: xidField(file, at.xmin),
    catalogXmin: xidField(file, at.catalogXmin),
    restartLsn: lsnField(file, at.restartLsn, 'restart_lsn'),
    confirmedFlushLsn: lsnField(file, at.confirmedFlushLsn, 'confirmed_flush'),
    twoPhase: layout.twoPhase !== undefined && flagField(file, layout.twoPhase.flag, 'two_phase'),
    twoPhaseAt: layout.twoPhase && lsnField(file, layout.twoPhase.at, 'two_phase_at'),
    plugin: textField(file, layout.plugin, 'the plugin'),
    synced: layout.failover !== undefined && flagField(file, layout.failover.synced, 'synced'),
    failover: layout.failover !== undefined && flagField(file, layout.failover.flag, 'failover'),
    invalidated,
    invalidatedAt:
      layout.invalidatedAt === undefined ? undefined : lsnField(file, layout.invalidatedAt, 'invalidated_at'),
  };
}

/** The state file of a slot for a server of this major. Throws a RangeError where the major has no place for a value. */
export function encodeSlotFile(slot: SlotFile, major: DataFolderMajor): Buffer {
  const layout = serverLayouts[major].slot;
  checkPlaces(slot, { layout, major });
  const file = Buffer.alloc(layout.fileSize);
  file.writeUInt32LE(MAGIC, 0);
  file.writeUInt32LE(layout.version, at.version);
  file.writeUInt32LE(layout.fileSize - HEADER_BYTES, at.length);
  file.write(slot.name, at.name, 'latin1');
  file.writeUInt32LE(slot.databaseOid, at.database);
  file.writeUInt32LE(slotPersistencies.indexOf(slot.persistency), at.persistency);
  file.writeUInt32LE(slot.xmin ?? 0, at.xmin);
  file.writeUInt32LE(slot.catalogXmin ?? 0, at.catalogXmin);
  file.writeBigUInt64LE(slot.restartLsn ?? 0n, at.restartLsn);
  file.writeBigUInt64LE(slot.confirmedFlushLsn ?? 0n, at.confirmedFlushLsn);
  file.write(slot.plugin, layout.plugin, 'utf8');
  if (layout.invalidatedAt !== undefined) {
    file.writeBigUInt64LE(slot.invalidatedAt ?? 0n, layout.invalidatedAt);
  }
  if (layout.invalidated !== undefined) {
    file.writeUInt32LE(slot.invalidated, layout.invalidated.offset);
  }
  if (layout.twoPhase !== undefined) {
    file.writeBigUInt64LE(slot.twoPhaseAt ?? 0n, layout.twoPhase.at);
    file.writeUInt8(Number(slot.twoPhase), layout.twoPhase.flag);
  }
  if (layout.failover !== undefined) {
    file.writeUInt8(Number(slot.synced), layout.failover.synced);
    file.writeUInt8(Number(slot.failover), layout.failover.flag);
  }
  file.writeUInt32LE(crc32c(file.subarray(CHECKED_FROM)), at.checksum);
  return file;
}

interface Place {
  readonly layout: SlotFileLayout;
  readonly major: DataFolderMajor;
}

function checkEnvelope(file: Buffer, { layout, major }: Place): void {
  if (file.length < HEADER_BYTES) {
    throw new FileFormatError('short', `it has ${file.length} bytes, ${layout.fileSize} are expected`);
  }
  const magic = file.readUInt32LE(0);
  if (magic !== MAGIC) {
    throw new FileFormatError(
      'magic',
      `it begins with ${magic}, not with ${MAGIC}: it is no state file of a slot`,
    );
  }
  const version = file.readUInt32LE(at.version);
  if (version !== layout.version) {
    throw new FileFormatError(
      'version',
      `it has version ${version}, PostgreSQL ${major} writes ${layout.version}`,
    );
  }
  const length = file.readUInt32LE(at.length);
  const expected = layout.fileSize - HEADER_BYTES;
  if (length !== expected) {
    throw new FileFormatError('length', `it has length ${length}, PostgreSQL ${major} writes ${expected}`);
  }
  if (file.length !== layout.fileSize) {
    const fault = file.length < layout.fileSize ? 'short' : 'long';
    throw new FileFormatError(fault, `it has ${file.length} bytes, ${layout.fileSize} are expected`);
  }
  const [stored, computed] = [file.readUInt32LE(at.checksum), crc32c(file.subarray(CHECKED_FROM))];
  if (stored !== computed) {
    throw new FileFormatError('checksum', `its checksum is ${stored}, that of its bytes is ${computed}`);
  }
}

/** Bytes between the fields, and after the last one. */
function checkZeros(file: Buffer, layout: SlotFileLayout): void {
  const end = layout.failover === undefined ? layout.plugin + NAME_BYTES : layout.failover.flag + 1;
  const gaps = [
    { from: end, to: layout.fileSize },
    ...(layout.invalidated === undefined
      ? []
      : [{ from: layout.invalidated.offset + 4, to: at.confirmedFlushLsn }]),
  ];
  for (const { from, to } of gaps) {
    if (file.subarray(from, to).some((byte) => byte !== 0)) {
      throw new FileFormatError(
        'padding',
        `its bytes ${from} to ${to} are not zero, and what they mean is not known`,
      );
    }
  }
}

function persistencyOf(value: number): SlotPersistency {
  const persistency = slotPersistencies[value];
  if (persistency === undefined) {
    throw new FileFormatError('persistency', `its persistency is ${value}, which PostgreSQL does not know`);
  }
  return persistency;
}

/** A C `NameData`: text that ends at the first NUL, and NULs to the end. */
function textField(file: Buffer, offset: number, field: string): string {
  const bytes = file.subarray(offset, offset + NAME_BYTES);
  const end = bytes.indexOf(0);
  if (end === -1 || bytes.subarray(end).some((byte) => byte !== 0)) {
    throw new FileFormatError('name', `${field} does not end within its ${NAME_BYTES} bytes`);
  }
  const text = bytes.subarray(0, end).toString('utf8');
  if (!Buffer.from(text, 'utf8').equals(bytes.subarray(0, end))) {
    throw new FileFormatError('name', `${field} is not UTF-8`);
  }
  return text;
}

function xidField(file: Buffer, offset: number): number | undefined {
  const value = file.readUInt32LE(offset);
  return value === 0 ? undefined : value;
}

function checkPlaces(slot: SlotFile, { layout, major }: Place): void {
  const refuse = (what: string): never => {
    throw new RangeError(`the slot ${slot.name} cannot be written for PostgreSQL ${major}: ${what}`);
  };
  if (!isSlotName(slot.name)) {
    refuse('its name is none');
  }
  if (Buffer.byteLength(slot.plugin, 'utf8') >= NAME_BYTES || slot.plugin.includes('\0')) {
    refuse(`its plugin ${JSON.stringify(slot.plugin)} does not fit`);
  }
  if (layout.twoPhase === undefined && (slot.twoPhase || slot.twoPhaseAt !== undefined)) {
    refuse('there is no two_phase');
  }
  if (layout.failover === undefined && (slot.failover || slot.synced)) {
    refuse('there is no failover and no synced');
  }
  if (layout.invalidatedAt === undefined && slot.invalidatedAt !== undefined) {
    refuse('there is no invalidated_at');
  }
  if (!(layout.invalidated?.causes ?? [0]).includes(slot.invalidated)) {
    refuse(`it does not know ${slot.invalidated} as a reason to invalidate`);
  }
}
