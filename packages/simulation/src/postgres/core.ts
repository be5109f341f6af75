import type { SimProcess, World } from '../types.ts';
import type { SnapshotFiles } from './decoder.ts';
import type { ServerSettings } from './settings.ts';
import { changeSlot, type Slot, saveSlot } from './slot.ts';
import { SlotTable } from './slot-table.ts';
import { inRecovery } from './sqlstate.ts';
import { Transactions } from './transactions.ts';
import { type Position, SEGMENT_BYTES, type Wal, type WalContent, type WalRecord } from './wal.ts';

/** The wall clock of all servers at the beginning of the world, in milliseconds since 1970. */
const BEGINNING_MS = 1_700_000_000_000;
/** `wal_writer_delay`. */
const WAL_WRITER_MS = 200;

/** A timeline that a server's line came along before its own. */
export interface Ancestor {
  readonly timeline: number;
  /** Where the next one begins. */
  readonly end: Position;
}

/** A session as its server knows it. */
export interface ServerSession {
  readonly pid: number;
  readonly databaseOid: number;
  readonly user: string;
  readonly applicationName: string;
  readonly isWalsender: boolean;
  /** Absent for what people do by hand. */
  readonly process: SimProcess | undefined;
  /** The server ends it; the client hears of it in an event of its own. */
  terminate(error: Error): void;
}

/** Who streams WAL from a server. */
export interface Streamer {
  /** There is more WAL, or the server has stopped or started. */
  look(): void;
  /** The server is about to stop, and waits until all is received. */
  finish(): void;
}

export interface DroppedSlot {
  readonly slot: Slot;
  readonly by: SimProcess | undefined;
}

/** What a server has on its disk and in its memory. Others act on it: this keeps it whole, and tells those who wait. */
export class ServerCore {
  readonly world: World;
  readonly node: string;
  readonly settings: ServerSettings;
  readonly systemIdentifier: string;
  wal: Wal;
  transactions: Transactions;
  timeline = 1;
  history: readonly Ancestor[] = [];
  inRecovery = false;
  running = false;
  /** Milliseconds since 1970. */
  startedAt = 0;
  /** Counts the starts: what was set in motion before the last one is void. */
  life = 0;
  /** Of the world; absent where no recovery has ended. */
  recoveryEndedAt: number | undefined;
  /** Up to where the last recovery of this process went. */
  recoveredUpTo: Position | undefined;
  /** How many records are flushed; all that a standby has received. */
  flushed = 0;
  /** How many records a standby has replayed. */
  replayed = 0;
  replayPaused = false;
  readonly slots: SlotTable;
  snapshots: SnapshotFiles = new Map();
  /** WAL before it is gone. */
  oldestWal: Position;
  /** Up to where a standby has to replay at least before anybody may connect after a crash: a count of records. */
  minRecovery = 0;
  /** The last checkpoint record that was replayed, and the one that the last restartpoint was made for. */
  replayedCheckpoint = 0;
  restartpoint = 0;
  /** How many records there were after the last checkpoint, and after the background writer's last record of running transactions. */
  lastCheckpoint = 0;
  lastRunning = 0;
  /** It went down without a shutdown. */
  isCrashed = false;
  databases: Map<number, string>;
  readonly sessions = new Set<ServerSession>();
  /** Which session holds an advisory lock, as long as it lives. */
  readonly locks = new Map<string, ServerSession>();
  /** Called when there is more WAL to decode, and when a transaction has ended. */
  readonly readers = new Set<() => void>();
  /** Those that stream from it. */
  readonly streamers = new Set<Streamer>();
  readonly dropListeners = new Set<(dropped: DroppedSlot) => void>();
  #lastPid = 1000;
  #isWriterDue = false;

  constructor(
    world: World,
    node: string,
    settings: ServerSettings,
    from: {
      readonly wal: Wal;
      readonly systemIdentifier: string;
      readonly databases: ReadonlyMap<number, string>;
    },
  ) {
    this.world = world;
    this.node = node;
    this.settings = settings;
    this.systemIdentifier = from.systemIdentifier;
    this.wal = from.wal;
    this.databases = new Map(from.databases);
    this.transactions = new Transactions(settings.firstXid);
    this.slots = new SlotTable(settings.maxReplicationSlots);
    this.oldestWal = segmentOf(from.wal.end);
  }

  /** Milliseconds since 1970 by the server's clock. */
  get nowMs(): number {
    return BEGINNING_MS + Math.floor(this.world.now);
  }

  get insertLsn(): Position {
    return this.wal.insertPosition;
  }

  get flushLsn(): Position {
    return this.wal.endOf(this.flushed);
  }

  get replayLsn(): Position {
    return this.wal.endOf(this.replayed);
  }

  /** What replay has to begin again knows no timeline that began after it. */
  forgetTimelines(): void {
    const kept = this.history.filter(({ end }) => end < this.replayLsn);
    this.timeline = this.history[kept.length]?.timeline ?? this.timeline;
    this.history = kept;
  }

  /** How many records decoders may read. */
  get readable(): number {
    return this.inRecovery ? this.replayed : this.flushed;
  }

  /** Walsender sessions that are open. */
  get walsenders(): number {
    return [...this.sessions].filter(({ isWalsender }) => isWalsender).length;
  }

  nextPid(): number {
    this.#lastPid += 1;
    return this.#lastPid;
  }

  /** Appends a record, which is flushed soon, or at once. Throws 55000 in recovery. */
  write(content: WalContent, bytes: number, { flush = false } = {}): WalRecord {
    if (this.inRecovery) {
      throw inRecovery('XLogInsert');
    }
    const record = this.wal.append(content, this.timeline, bytes);
    this.transactions.apply(record, this.nowMs);
    if (flush) {
      this.flush();
    } else {
      this.#flushSoon();
    }
    return record;
  }

  flush(): void {
    if (this.inRecovery || this.flushed === this.wal.length) {
      return;
    }
    this.flushed = this.wal.length;
    this.replayed = this.flushed;
    this.tellStreamers();
    this.tellReaders();
  }

  /** A record of the running transactions (`LogStandbySnapshot`). */
  logRunning(): WalRecord {
    const { nextXid, runningXids: running } = this.transactions;
    return this.write({ kind: 'running_xacts', nextXid, running }, 56 + 4 * running.length);
  }

  tellReaders(): void {
    for (const tell of this.readers) {
      tell();
    }
  }

  tellStreamers(): void {
    for (const streamer of this.streamers) {
      streamer.look();
    }
  }

  dropSlot(slot: Slot, by: SimProcess | undefined): void {
    for (const tell of this.dropListeners) {
      tell({ slot, by });
    }
    this.slots.remove(slot);
  }

  /** Saves the slots that have changed; a shutdown also those that have only been confirmed further (17+). */
  saveSlots({ isShutdown = false } = {}): void {
    for (const slot of this.slots.all) {
      const isMade = slot.type === 'physical' || slot.confirmedFlush !== undefined;
      const isBehind =
        isShutdown &&
        slot.type === 'logical' &&
        (slot.confirmedFlush ?? 0) > (slot.saved?.confirmedFlush ?? 0);
      if (!slot.temporary && isMade && (slot.dirty || isBehind)) {
        saveSlot(slot);
      }
    }
  }

  /** Removes WAL and snapshots that nobody needs before a redo position, and gives up slots that hold too much. */
  removeOldWal(redo: Position): void {
    const { maxSlotWalKeepBytes } = this.settings;
    if (maxSlotWalKeepBytes !== undefined) {
      const keepFrom = segmentOf(this.wal.end - maxSlotWalKeepBytes);
      for (const slot of this.slots.all) {
        if (slot.restartLsn !== undefined && slot.restartLsn < keepFrom) {
          changeSlot(slot, { invalidation: 'wal_removed', restartLsn: undefined, dirty: true });
        }
      }
    }
    const needed = Math.min(redo - this.settings.walKeepBytes, this.slots.oldestRestart() ?? redo);
    this.oldestWal = Math.max(this.oldestWal, segmentOf(needed));
    const oldestSnapshot = this.slots.oldestRestart('logical') ?? redo;
    for (const at of this.snapshots.keys()) {
      if (at < oldestSnapshot) {
        this.snapshots.delete(at);
      }
    }
  }

  /** The WAL writer flushes what nobody has flushed by then. */
  #flushSoon(): void {
    if (this.#isWriterDue) {
      return;
    }
    this.#isWriterDue = true;
    const { life } = this;
    this.world.after(WAL_WRITER_MS, () => {
      this.#isWriterDue = false;
      if (this.life === life && this.running) {
        this.flush();
      }
    });
  }
}

export function segmentOf(position: Position): Position {
  return Math.max(0, position - (position % SEGMENT_BYTES));
}
