import type { PostgresConnection, PostgresOptions } from '@slotcast/postgres';
import type {
  Committed,
  SimProcess,
  SimServer,
  SimSlot,
  SubscriberOptions,
  Subscription,
  WalLine,
  World,
} from '../types.ts';
import { createByHand } from './by-hand.ts';
import { createDatabase, dropDatabase, renameDatabase, vacuumCatalogs } from './catalog.ts';
import { ServerCore, segmentOf } from './core.ts';
import { copyOfDisk, type DataDirectory, installDisk } from './data-directory.ts';
import { connect, databaseOid, SHOP } from './doorway.ts';
import { checkpoint, crashServer, promoteServer, startServer, stopServer } from './lifecycle.ts';
import { Line } from './line.ts';
import { wouldDeliver } from './reading.ts';
import { Receiver } from './receiver.ts';
import { recallTransactions } from './replay.ts';
import { defaultSettings, type ServerSettings } from './settings.ts';
import type { Slot } from './slot.ts';
import { advanceSlot, copySlot, dropSlot, type Toucher } from './slot-work.ts';
import { refusal } from './sqlstate.ts';
import { type RowId, Wal } from './wal.ts';
import { Walsender } from './walsender.ts';

/** The database that every cluster has, and that of the application. */
const DATABASES: ReadonlyMap<number, string> = new Map([
  [5, 'postgres'],
  [SHOP.oid, SHOP.name],
]);
const SYSTEM_IDENTIFIER = '7412345678901234567';
const RECORD_BYTES = { row: 150, end: 64 };

/** A PostgreSQL server in memory. */
export class Server implements SimServer {
  readonly core: ServerCore;
  readonly #receiver: Receiver;
  readonly #rows: RowSource;
  /** Who works by hand on this server. */
  readonly #person: Toucher;

  private constructor(core: ServerCore, rows: RowSource) {
    this.core = core;
    this.#rows = rows;
    this.#receiver = new Receiver(core);
    this.#person = { pid: 0, databaseOid: SHOP.oid, process: undefined };
  }

  /** A new cluster, which runs. */
  static createPrimary(world: World, node: string, settings: Partial<ServerSettings> = {}): Server {
    const core = new ServerCore(
      world,
      node,
      { ...defaultSettings, ...settings },
      {
        wal: Wal.create(),
        systemIdentifier: SYSTEM_IDENTIFIER,
        databases: DATABASES,
      },
    );
    const server = new Server(core, { last: 0 });
    startServer(core, server.#receiver);
    checkpoint(core);
    return server;
  }

  /** A standby of this server from a base backup, which runs and streams. */
  addStandby(node: string, settings: Partial<ServerSettings> = {}): Server {
    const core = new ServerCore(this.core.world, node, { ...this.core.settings, ...settings }, this.core);
    const standby = new Server(core, this.#rows);
    standby.#takeOver(this);
    standby.follow(this);
    standby.start();
    return standby;
  }

  get node(): string {
    return this.core.node;
  }

  get running(): boolean {
    return this.core.running;
  }

  get inRecovery(): boolean {
    return this.core.inRecovery;
  }

  get recoveryEndedAt(): number | undefined {
    return this.core.recoveryEndedAt;
  }

  get insertLsn(): number {
    return this.core.insertLsn;
  }

  get flushLsn(): number {
    return this.core.flushLsn;
  }

  get receiveLsn(): number {
    return this.core.wal.end;
  }

  get replayLsn(): number {
    return this.core.replayLsn;
  }

  get slots(): readonly SimSlot[] {
    return this.core.slots.all.map(seenSlot);
  }

  get line(): WalLine {
    return new Line(this.core);
  }

  connect(process: SimProcess, options: PostgresOptions): Promise<PostgresConnection> {
    return connect(this.core, this.#receiver, process, options);
  }

  subscribe(process: SimProcess, options: SubscriberOptions): Subscription {
    const { core } = this;
    const link = core.world.link(`postgres:${process.name}`);
    const oid = databaseOid(core, options.database ?? SHOP.name) ?? SHOP.oid;
    const place = { world: core.world, core, receiver: this.#receiver, process, link, databaseOid: oid };
    return new Walsender(place, options);
  }

  wouldDeliver(name: string, from: number | undefined): readonly Committed[] | undefined {
    const slot = this.core.slots.find(name);
    return slot === undefined ? undefined : wouldDeliver(this.core, slot, from, this.core.wal.length);
  }

  /** Tells of each slot that goes: dropped by a session of `by`, by a person, or with its database. */
  onDrop(work: (dropped: { readonly slot: SimSlot; readonly by: SimProcess | undefined }) => void): void {
    this.core.dropListeners.add(({ slot, by }) => work({ slot: seenSlot(slot), by }));
  }

  start(): void {
    startServer(this.core, this.#receiver);
  }

  stop(): void {
    stopServer(this.core, this.#receiver);
  }

  crash(): void {
    crashServer(this.core, this.#receiver);
  }

  promote(): void {
    promoteServer(this.core, this.#receiver);
  }

  checkpoint(): void {
    checkpoint(this.core);
  }

  /** A server that is down, or was a primary, becomes a standby with all that it has. */
  follow(upstream: SimServer | undefined): void {
    const { core } = this;
    if (!core.inRecovery) {
      if (core.running) {
        this.stop();
      }
      core.inRecovery = true;
      core.minRecovery = core.replayed;
      this.#receiver.follow(requireTwin(upstream));
      this.start();
      return;
    }
    this.#receiver.follow(requireTwin(upstream));
  }

  rewind(upstream: SimServer): void {
    if (this.core.running) {
      this.stop();
    }
    if (upstream instanceof Server) {
      this.#takeOver(upstream);
    }
    this.follow(upstream);
    this.start();
  }

  pauseReplay(paused: boolean): void {
    this.core.replayPaused = paused;
    this.#receiver.resume();
  }

  begin(database = SHOP.oid): number {
    if (this.core.inRecovery || !this.core.running) {
      throw new Error(`no transaction can begin on ${this.node}`);
    }
    const xid = this.core.transactions.nextXid;
    this.core.write({ kind: 'change', xid, rows: [], database }, RECORD_BYTES.row);
    return xid;
  }

  /** Throws when the transaction has ended. */
  write(xid: number, count: number): readonly RowId[] {
    const { database } = this.#transaction(xid);
    const rows = Array.from({ length: count }, () => {
      this.#rows.last += 1;
      return this.#rows.last;
    });
    this.core.write({ kind: 'change', xid, rows, database }, RECORD_BYTES.row * count);
    return rows;
  }

  /** `catalog`: it has changed tables. */
  commit(xid: number, { catalog = false } = {}): void {
    const { database } = this.#transaction(xid);
    this.core.write({ kind: 'commit', xid, database, catalog }, RECORD_BYTES.end, { flush: true });
  }

  rollback(xid: number): void {
    this.#transaction(xid);
    this.core.write({ kind: 'abort', xid }, RECORD_BYTES.end);
    this.core.tellReaders();
  }

  prepare(xid: number, gid: string, { catalog = false } = {}): void {
    const { database } = this.#transaction(xid);
    this.core.write({ kind: 'prepare', xid, gid, database, catalog }, RECORD_BYTES.end, { flush: true });
  }

  finishPrepared(gid: string, how: 'commit' | 'rollback'): void {
    const prepared = this.core.transactions.prepared.find((each) => each.gid === gid);
    if (prepared === undefined) {
      throw refusal('42704', `prepared transaction with identifier "${gid}" does not exist`, 'LockGXact');
    }
    const { xid, database, catalog } = prepared;
    this.core.write(
      how === 'commit'
        ? { kind: 'commit_prepared', xid, gid, database, catalog }
        : { kind: 'rollback_prepared', xid, gid, database },
      RECORD_BYTES.end,
      { flush: true },
    );
  }

  createDatabase(name: string): number {
    return createDatabase(this.core, name);
  }

  renameDatabase(oid: number, name: string): void {
    renameDatabase(this.core, oid, name);
  }

  dropDatabase(oid: number): void {
    dropDatabase(this.core, oid);
  }

  vacuum(): void {
    vacuumCatalogs(this.core);
  }

  bulk(bytes: number): void {
    this.core.write({ kind: 'message' }, bytes, { flush: true });
  }

  logRunning(): void {
    this.core.logRunning();
    this.core.flush();
  }

  createSlot(name: string, { plugin = 'pgoutput', twoPhase = false } = {}): void {
    createByHand(this.core, this.#receiver, { ...this.#person, name, plugin, twoPhase });
  }

  copySlot(source: string, target: string): void {
    copySlot(this.core, this.#person, { source, target, plugin: undefined, temporary: false });
  }

  dropSlot(name: string): void {
    dropSlot(this.core, this.#person, name);
  }

  advanceSlot(name: string, lsn: number): void {
    advanceSlot(this.core, this.#person, name, lsn);
  }

  /** A copy of its disk, for `restore`. */
  copyDisk(): DataDirectory {
    return copyOfDisk(this.core);
  }

  /** Stops, and takes what its disk had at an earlier moment; it stays down. */
  restore(directory: DataDirectory): void {
    this.stop();
    installDisk(this.core, directory);
  }

  /** Another server with a copy of this one's disk, which is down, and streams from nobody. */
  cloneAs(node: string): Server {
    const core = new ServerCore(this.core.world, node, this.core.settings, this.core);
    installDisk(core, copyOfDisk(this.core));
    return new Server(core, this.#rows);
  }

  /** The data directory of another server as of now: without slots and snapshots. */
  #takeOver({ core: from }: Server): void {
    const { core } = this;
    if (!from.inRecovery) {
      checkpoint(from);
    }
    const wal = from.wal.branch(from.inRecovery ? from.replayed : from.flushed);
    installDisk(core, {
      ...copyOfDisk(from),
      wal,
      inRecovery: true,
      minRecovery: wal.length,
      replayedCheckpoint: 0,
      restartpoint: 0,
      isCrashed: false,
      slots: [],
      snapshots: new Map(),
      oldestWal: segmentOf(from.oldestWal),
    });
    recallTransactions(core);
  }

  #transaction(xid: number) {
    const transaction = this.core.transactions.find(xid);
    if (transaction === undefined || this.core.inRecovery || !this.core.running) {
      throw new Error(`transaction ${xid} is gone from ${this.node}`);
    }
    return transaction;
  }
}

/** Numbers of rows, unique among all servers of a cluster. */
interface RowSource {
  last: RowId;
}

function requireTwin(server: SimServer | undefined): ServerCore | undefined {
  if (server !== undefined && !(server instanceof Server)) {
    throw new TypeError(`${server.node} is none of the servers of this package`);
  }
  return server?.core;
}

function seenSlot(slot: Slot): SimSlot {
  return {
    uid: slot.uid,
    name: slot.name,
    type: slot.type,
    database: slot.databaseOid,
    temporary: slot.temporary,
    restartLsn: slot.restartLsn,
    confirmedFlush: slot.confirmedFlush,
    catalogXmin: slot.catalogXmin,
    active: slot.activePid !== undefined,
    invalidated: slot.invalidation !== undefined,
  };
}
