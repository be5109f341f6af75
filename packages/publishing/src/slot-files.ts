import { decodeSlotFile, FileFormatError, isDataFolderMajor } from '@slotcast/data-folder';
import {
  type DecodableSlot,
  type DecodingFiles,
  decodableSlots,
  type Lsn,
  MAX_SNAPSHOT_BYTES,
  NO_SNAPSHOT,
  type SlotChange,
  type SlotName,
  supports,
} from '@slotcast/domain';
import type { Clock, Logger } from '@slotcast/kernel';
import {
  isPostgresError,
  mayReadServerFiles,
  type PostgresConnection,
  readDecodingSnapshots,
  readRestartLsns,
  readSlotFile,
  type ServerFile,
} from '@slotcast/postgres';

/** A right that is granted while the publisher runs is noticed that soon. */
const ASK_AGAIN_MS = 60_000;

interface SlotFile {
  readonly restartLsn: Lsn;
  readonly files: DecodingFiles;
}

/** What files of the primary say of its slots: each is read once for a restart_lsn, as it is written once. None is read where the role may not. */
export class SlotFiles {
  readonly #connection: PostgresConnection;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #signal: AbortSignal;
  readonly #known = new Map<SlotName, SlotFile>();
  #mayRead = false;
  #askedAt = Number.NEGATIVE_INFINITY;

  constructor(options: {
    connection: PostgresConnection;
    clock: Clock;
    logger: Logger;
    signal: AbortSignal;
  }) {
    this.#connection = options.connection;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#signal = options.signal;
  }

  /** For the slots that these changes publish. What cannot be read is left out, and told of: an event without it is worth no less to a consumer. */
  async of(changes: readonly SlotChange[]): Promise<ReadonlyMap<SlotName, DecodingFiles>> {
    this.#forget(changes);
    const slots = decodableSlots(changes);
    const unknown = slots.filter(({ name, restartLsn }) => this.#known.get(name)?.restartLsn !== restartLsn);
    if (unknown.length > 0 && (await this.#isAllowed())) {
      await this.#read(unknown);
    }
    return new Map(
      slots.flatMap(({ name, restartLsn }): [SlotName, DecodingFiles][] => {
        const known = this.#known.get(name);
        return known?.restartLsn === restartLsn ? [[name, known.files]] : [];
      }),
    );
  }

  async #read(slots: readonly DecodableSlot[]): Promise<void> {
    try {
      await this.#take(slots);
    } catch (error) {
      if (!isPostgresError(error) && !(error instanceof FileFormatError)) {
        throw error;
      }
      this.#mayRead = false;
      this.#logger.warn(
        { err: error },
        'could not read the state of decoding from the files of the server: events go without it, so slotcast rebuild may have to refuse their slots',
      );
    }
  }

  /** That there is no file for a position tells only together with the slot's `restart_lsn` after that: the server removes what no slot needs. */
  async #take(slots: readonly DecodableSlot[]): Promise<void> {
    const positions = [...new Set(slots.map(({ restartLsn }) => restartLsn))];
    const limits = { maxBytes: MAX_SNAPSHOT_BYTES, signal: this.#signal };
    const snapshots = await readDecodingSnapshots(this.#connection, positions, limits);
    const twoPhaseAt = await this.#readTwoPhaseAt(slots);
    const names = slots.map(({ name }) => name);
    const now = await readRestartLsns(this.#connection, names, this.#signal);
    for (const { name, restartLsn } of slots) {
      const isStill = now.get(name) === restartLsn;
      const snapshot = snapshotOf(snapshots.get(restartLsn), isStill);
      this.#known.set(name, {
        restartLsn,
        files: { snapshot, ...(isStill && { twoPhaseAt: twoPhaseAt.get(name) }) },
      });
    }
  }

  /** From 18 on it is a column. */
  async #readTwoPhaseAt(slots: readonly DecodableSlot[]): Promise<ReadonlyMap<SlotName, Lsn>> {
    const found = new Map<SlotName, Lsn>();
    const { major } = this.#connection;
    if (!isDataFolderMajor(major) || supports(major, 'twoPhaseAt')) {
      return found;
    }
    for (const { name, twoPhase } of slots) {
      if (twoPhase) {
        const file = await readSlotFile(this.#connection, name, this.#signal);
        if (typeof file !== 'string') {
          setKnown(found, name, decodeSlotFile(file, major).twoPhaseAt);
        }
      }
    }
    return found;
  }

  async #isAllowed(): Promise<boolean> {
    const now = this.#clock.monotonicMs();
    if (!this.#mayRead && now - this.#askedAt >= ASK_AGAIN_MS) {
      this.#askedAt = now;
      this.#mayRead = await mayReadServerFiles(this.#connection, this.#signal);
    }
    return this.#mayRead;
  }

  #forget(changes: readonly SlotChange[]): void {
    for (const change of changes) {
      if (change.kind === 'drop' || change.kind === 'remake') {
        this.#known.delete(change.previous.name);
      }
    }
  }
}

function setKnown(found: Map<SlotName, Lsn>, name: SlotName, position: Lsn | undefined): void {
  if (position !== undefined) {
    found.set(name, position);
  }
}

/** That there is none is known only of a slot that still starts there. */
function snapshotOf(file: ServerFile | undefined, isStill: boolean): Uint8Array | undefined {
  if (file === 'missing') {
    return isStill ? NO_SNAPSHOT : undefined;
  }
  return typeof file === 'string' ? undefined : file;
}
