/** The major versions of PostgreSQL whose files can be read and written. */
export const dataFolderMajors = [13, 14, 15, 16, 17, 18] as const;
export type DataFolderMajor = (typeof dataFolderMajors)[number];

export function isDataFolderMajor(major: number): major is DataFolderMajor {
  return (dataFolderMajors as readonly number[]).includes(major);
}

/** Where the fields of `pg_replslot/<name>/state` are that not all majors have, or not all in one place; offsets from the start of the file. */
export interface SlotFileLayout {
  /** SLOT_VERSION. */
  readonly version: number;
  readonly fileSize: number;
  readonly plugin: number;
  /** `invalidated_at`, a position. */
  readonly invalidatedAt?: number;
  /** `invalidated`, why the slot is of no more use, and the values that the server knows. */
  readonly invalidated?: { readonly offset: number; readonly causes: readonly number[] };
  /** `two_phase_at` and `two_phase`. */
  readonly twoPhase?: { readonly at: number; readonly flag: number };
  /** `synced` and `failover`. */
  readonly failover?: { readonly synced: number; readonly flag: number };
}

/** What differs between majors in the files of a data folder. The numbers were compared with real servers; all is little-endian. */
export interface ServerLayout {
  readonly slot: SlotFileLayout;
  readonly control: { readonly version: number; readonly catalogVersion: number; readonly checksum: number };
  /** XLOG_PAGE_MAGIC. */
  readonly walMagic: number;
  /** SNAPBUILD_VERSION. */
  readonly snapshotVersion: number;
}

const twoPhase = { at: 120, flag: 128 } as const;
const failover = { synced: 193, flag: 194 } as const;

const slot13: SlotFileLayout = { version: 2, fileSize: 184, plugin: 120, invalidatedAt: 104 };
const slot14: SlotFileLayout = { version: 2, fileSize: 200, plugin: 129, invalidatedAt: 104, twoPhase };
const slot16: SlotFileLayout = {
  version: 3,
  fileSize: 200,
  plugin: 129,
  invalidated: { offset: 104, causes: [0, 1, 2, 3] },
  twoPhase,
};
const slot17: SlotFileLayout = { ...slot16, version: 5, failover };
/** The causes have become bits. */
const slot18: SlotFileLayout = { ...slot17, invalidated: { offset: 104, causes: [0, 1, 2, 4, 8] } };

export const serverLayouts: Readonly<Record<DataFolderMajor, ServerLayout>> = {
  13: {
    slot: slot13,
    control: { version: 1300, catalogVersion: 202007201, checksum: 288 },
    walMagic: 0xd106,
    snapshotVersion: 2,
  },
  14: {
    slot: slot14,
    control: { version: 1300, catalogVersion: 202107181, checksum: 288 },
    walMagic: 0xd10d,
    snapshotVersion: 4,
  },
  15: {
    slot: slot14,
    control: { version: 1300, catalogVersion: 202209061, checksum: 288 },
    walMagic: 0xd110,
    snapshotVersion: 4,
  },
  16: {
    slot: slot16,
    control: { version: 1300, catalogVersion: 202307071, checksum: 288 },
    walMagic: 0xd113,
    snapshotVersion: 5,
  },
  17: {
    slot: slot17,
    control: { version: 1700, catalogVersion: 202406281, checksum: 288 },
    walMagic: 0xd116,
    snapshotVersion: 6,
  },
  18: {
    slot: slot18,
    control: { version: 1800, catalogVersion: 202506291, checksum: 292 },
    walMagic: 0xd118,
    snapshotVersion: 6,
  },
};
