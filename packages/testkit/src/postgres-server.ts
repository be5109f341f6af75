import { execFile } from 'node:child_process';
import { chown, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type pg from 'pg';
import { takeBaseBackup } from './base-backup.ts';
import { createCluster, SUPERUSER } from './cluster-template.ts';
import { freePort } from './free-port.ts';
import { type PostgresBinaries, type PostgresMajor, postgresBinaries } from './postgres-binaries.ts';
import { defaultSettings, type PostgresSettings, renderSettings } from './postgres-settings.ts';
import { Postmaster, type StopMode } from './postmaster.ts';
import { createReplicationRole, type RoleGrant } from './replication-role.ts';
import { temporaryFolder } from './run-folder.ts';
import type { FollowOptions, PrimaryOptions, StandbyOptions } from './server-options.ts';
import { pollRows, withClient } from './sql-client.ts';
import { waitForStreaming } from './streaming.ts';

const run = promisify(execFile);

const WAIT_TIMEOUT_MS = 60_000;

interface ServerParts {
  readonly name: string;
  readonly major: PostgresMajor;
  readonly durable: boolean;
  readonly binaries: PostgresBinaries;
  readonly folder: string;
  readonly port: number;
  readonly settings: PostgresSettings;
  /** All servers that descend from one primary, shared by them. */
  readonly family: PostgresServer[];
}

/**
 * One real PostgreSQL server as a process: a primary from `startPrimary`, or a standby from `addStandby`. Its data
 * folder is temporary. Disposing the server that `startPrimary` returned disposes all servers that descend from it.
 */
export class PostgresServer {
  readonly name: string;
  readonly major: PostgresMajor;
  readonly port: number;
  readonly dataFolder: string;
  readonly #parts: ServerParts;
  readonly #postmaster: Postmaster;
  readonly #logFile: string;
  #settings: PostgresSettings;

  private constructor(parts: ServerParts) {
    this.name = parts.name;
    this.major = parts.major;
    this.port = parts.port;
    this.dataFolder = join(parts.folder, 'data');
    this.#parts = parts;
    this.#settings = { ...defaultSettings(parts), ...parts.settings };
    this.#logFile = join(parts.folder, 'server.log');
    this.#postmaster = new Postmaster({
      binaries: parts.binaries,
      dataFolder: this.dataFolder,
      logFile: this.#logFile,
    });
    parts.family.push(this);
  }

  /** Makes a new cluster with a system identifier of its own, and starts it. */
  static async startPrimary(options: PrimaryOptions): Promise<PostgresServer> {
    const server = await PostgresServer.#prepare({
      name: options.name ?? 'primary',
      major: options.major,
      durable: options.durable ?? false,
      settings: options.settings ?? {},
      family: [],
    });
    return await server.#startOrDispose(async () => {
      const { major, binaries } = server.#parts;
      await createCluster({ major, binaries, dataFolder: server.dataFolder });
      await server.#writeOwned('postgresql.conf', renderSettings(server.#settings));
      await server.start();
    });
  }

  static async #prepare(parts: Omit<ServerParts, 'binaries' | 'folder' | 'port'>): Promise<PostgresServer> {
    const binaries = await postgresBinaries(parts.major);
    const folder = await temporaryFolder(`postgres-${parts.major}-${parts.name}`);
    if (binaries.user !== undefined) {
      await chown(folder, binaries.user.uid, binaries.user.gid);
    }
    return new PostgresServer({ ...parts, binaries, folder, port: await freePort() });
  }

  /** Whether its processes are there; a paused server runs too. */
  get isRunning(): boolean {
    return this.#postmaster.isRunning;
  }

  /**
   * Adds a standby that streams from this server, which may itself be a standby: takes a base backup, creates a physical
   * slot here, starts the standby and waits until it streams.
   */
  async addStandby(options: StandbyOptions): Promise<PostgresServer> {
    const { major, durable, family } = this.#parts;
    const standby = await PostgresServer.#prepare({
      name: options.name,
      major,
      durable,
      settings: options.settings ?? {},
      family,
    });
    return await standby.#startOrDispose(() => standby.recloneFrom(this, options));
  }

  /** Starts the server and waits until it accepts connections. Throws with the end of its log when it does not. */
  async start(): Promise<void> {
    await this.#postmaster.start();
  }

  /** Stops the server in order; does nothing when it is not running. */
  async stop(mode: StopMode = 'fast'): Promise<void> {
    await this.#postmaster.stop(mode);
  }

  async restart(mode: StopMode = 'fast'): Promise<void> {
    await this.stop(mode);
    await this.start();
  }

  /** Ends all of its processes with SIGKILL, as when its machine loses power, and waits until they are gone. */
  async kill(): Promise<void> {
    await this.#postmaster.kill();
  }

  /** Halts all of its processes with SIGSTOP: connections stay open and nothing answers. */
  async pause(): Promise<void> {
    await this.#postmaster.pause();
  }

  async resume(): Promise<void> {
    await this.#postmaster.resume();
  }

  /** Halts the replay of WAL on a standby, which goes on receiving, and waits until it has halted (14 and up). */
  async pauseReplay(): Promise<void> {
    await this.query('select pg_wal_replay_pause()');
    if (this.major >= 14) {
      await this.waitFor<{ state: string }>(
        'select pg_get_wal_replay_pause_state() as state',
        ([row]) => row?.state === 'paused',
      );
    }
  }

  async resumeReplay(): Promise<void> {
    await this.query('select pg_wal_replay_resume()');
  }

  /** Promotes a standby and waits until recovery has ended. */
  async promote(): Promise<void> {
    const [row] = await this.query<{ promoted: boolean }>('select pg_promote(true, 60) as promoted');
    if (row?.promoted !== true) {
      throw new Error(`${this.name} did not end recovery within 60 s of pg_promote()`);
    }
  }

  /**
   * Changes settings, `undefined` meaning back to the default, and makes them effective: by a reload, or by a restart where
   * PostgreSQL asks for one. A server that is down gets them at its next start. Throws when the server finds one invalid.
   */
  async setConfig(settings: PostgresSettings): Promise<void> {
    this.#settings = { ...this.#settings, ...settings };
    await this.#writeOwned('postgresql.conf', renderSettings(this.#settings));
    if (!this.isRunning) {
      return;
    }
    const [row] = await this.query<{ needed: boolean }>(
      `select count(*) > 0 as needed from pg_settings where context = 'postmaster' and name = any($1)`,
      [Object.keys(settings)],
    );
    await (row?.needed === true ? this.restart() : this.#reload());
  }

  /**
   * Makes this server a standby of `upstream`: re-points a running standby, or rejoins an old primary, running or not, with the
   * data folder and the slots it has. Throws when it does not stream in the end, as when it has WAL that `upstream` never
   * had; `recloneFrom` is the way then.
   */
  async follow(upstream: PostgresServer, options: FollowOptions = {}): Promise<void> {
    const slotName = await this.#reserveSlot(upstream, options);
    if (this.isRunning && !(await this.#isStandby())) {
      await this.stop('fast');
    }
    if (!this.isRunning) {
      await this.#writeOwned('standby.signal', '');
    }
    await this.setConfig(this.#upstreamSettings(upstream, slotName));
    if (!this.isRunning) {
      await this.start();
    }
    if (options.waitForStreaming !== false) {
      await waitForStreaming(this, upstream, options.timeoutMs ?? WAIT_TIMEOUT_MS);
    }
  }

  /** Throws this server's data away and makes it a standby of `upstream` from a new base backup, without any slots. */
  async recloneFrom(upstream: PostgresServer, options: FollowOptions = {}): Promise<void> {
    // It keeps the WAL that is streamed afterwards.
    await this.#reserveSlot(upstream, options);
    await this.stop('immediate');
    await rm(this.dataFolder, { recursive: true, force: true });
    await takeBaseBackup({
      major: this.major,
      connection: upstream.connectionOptions(),
      from: upstream.dataFolder,
      to: this.dataFolder,
      user: this.#parts.binaries.user,
    });
    await this.follow(upstream, options);
  }

  /** Makes this server, which is down, a standby of `upstream` with pg_rewind: it keeps the data folder up to where the two parted. */
  async rewindTo(upstream: PostgresServer, executable: string): Promise<void> {
    await this.#reserveSlot(upstream, {});
    const source = `host=127.0.0.1 port=${upstream.port} user=${SUPERUSER} dbname=postgres`;
    await run(executable, ['--target-pgdata', this.dataFolder, '--source-server', source, '--no-sync'], {
      cwd: this.#parts.folder,
      ...this.#parts.binaries.user,
    });
    await this.follow(upstream);
  }

  /** Takes the upstream away from this standby, and waits until it receives nothing any more. */
  async cutOff(): Promise<void> {
    await this.setConfig({ primary_conninfo: '' });
    await this.waitFor('select from pg_stat_wal_receiver', (rows) => rows.length === 0);
  }

  /** What `pg.Client` needs to connect; to database `postgres` as superuser by default. */
  connectionOptions(
    database = 'postgres',
    user: string = SUPERUSER,
  ): { host: string; port: number; database: string; user: string } {
    return { host: '127.0.0.1', port: this.port, database, user };
  }

  /** A connection URI; to database `postgres` as superuser by default. */
  url(database = 'postgres', user: string = SUPERUSER): string {
    return `postgres://${encodeURIComponent(user)}@127.0.0.1:${this.port}/${encodeURIComponent(database)}`;
  }

  /** Runs one statement as superuser on a connection of its own and returns the rows. */
  async query<Row extends pg.QueryResultRow = Record<string, unknown>>(
    sql: string,
    parameters: readonly unknown[] = [],
    database = 'postgres',
  ): Promise<readonly Row[]> {
    return await withClient(this.connectionOptions(database), async (client) => {
      const { rows } = await client.query<Row>(sql, [...parameters]);
      return rows;
    });
  }

  /**
   * Repeats a statement until its rows satisfy the predicate, and returns them. A server that is down or restarting is waited
   * for; an error in the statement ends the wait. Throws with the last rows after `timeoutMs`.
   */
  async waitFor<Row extends pg.QueryResultRow = Record<string, unknown>>(
    sql: string,
    predicate: (rows: readonly Row[]) => boolean,
    timeoutMs = WAIT_TIMEOUT_MS,
    database = 'postgres',
  ): Promise<readonly Row[]> {
    return await pollRows({
      connection: this.connectionOptions(database),
      sql,
      predicate,
      timeoutMs,
      serverName: this.name,
    });
  }

  /** The flush LSN of a primary, the replay LSN of a standby, as text. */
  async currentLsn(): Promise<string> {
    const [row] = await this.query<{ lsn: string }>(
      'select case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_flush_lsn() end as lsn',
    );
    if (row === undefined) {
      throw new Error(`${this.name} did not tell its WAL position`);
    }
    return row.lsn;
  }

  /** Waits until `standby` has replayed up to `lsn`, this server's current position by default; returns that position. */
  async waitForReplay(standby: PostgresServer, lsn?: string, timeoutMs = WAIT_TIMEOUT_MS): Promise<string> {
    const target = lsn ?? (await this.currentLsn());
    await standby.waitFor<{ reached: boolean }>(
      `select coalesce(pg_last_wal_replay_lsn() >= '${target}'::pg_lsn, false) as reached`,
      ([row]) => row?.reached === true,
      timeoutMs,
    );
    return target;
  }

  /** The server's log so far. */
  async log(): Promise<string> {
    return await readFile(this.#logFile, 'utf8');
  }

  /** Creates the least-privileged role that the product asks for, or less than that for a test of what happens then. */
  async createRole(name: string, options: { readonly without?: readonly RoleGrant[] } = {}): Promise<void> {
    await createReplicationRole(this, name, options.without ?? []);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const isRoot = this.#parts.family[0] === this;
    for (const server of isRoot ? this.#parts.family.toReversed() : [this]) {
      await server.stop('immediate');
      await rm(server.#parts.folder, { recursive: true, force: true });
    }
  }

  async #startOrDispose(start: () => Promise<void>): Promise<PostgresServer> {
    try {
      await start();
      return this;
    } catch (error) {
      await this.#postmaster.stop('immediate');
      await rm(this.#parts.folder, { recursive: true, force: true });
      throw error;
    }
  }

  async #writeOwned(name: string, text: string): Promise<void> {
    const path = join(this.dataFolder, name);
    await writeFile(path, text, { mode: 0o600 });
    const { user } = this.#parts.binaries;
    if (user !== undefined) {
      await chown(path, user.uid, user.gid);
    }
  }

  async #isStandby(): Promise<boolean> {
    const [row] = await this.query<{ recovers: boolean }>('select pg_is_in_recovery() as recovers');
    return row?.recovers === true;
  }

  async #reload(): Promise<void> {
    const [before] = await this.query<{ loaded: string }>(
      'select pg_conf_load_time()::text as loaded from pg_reload_conf()',
    );
    await this.waitFor<{ loaded: string }>(
      'select pg_conf_load_time()::text as loaded',
      ([now]) => now?.loaded !== before?.loaded,
    );
    const [invalid] = await this.query<{ name: string; error: string }>(
      'select name, error from pg_file_settings where error is not null',
    );
    if (invalid !== undefined) {
      throw new Error(`${this.name} does not accept the setting ${invalid.name}: ${invalid.error}`);
    }
  }

  async #reserveSlot(upstream: PostgresServer, options: FollowOptions): Promise<string | undefined> {
    if (options.withSlot === false) {
      return undefined;
    }
    const slotName = options.slotName ?? this.name;
    await upstream.query(
      `select pg_create_physical_replication_slot($1::name, true)
         where not exists (select from pg_replication_slots where slot_name = $1::name)`,
      [slotName],
    );
    return slotName;
  }

  #upstreamSettings(upstream: PostgresServer, slotName: string | undefined): PostgresSettings {
    return {
      primary_conninfo: `host=127.0.0.1 port=${upstream.port} user=${SUPERUSER} dbname=postgres application_name=${this.name}`,
      primary_slot_name: slotName,
    };
  }
}

/** Starts a new cluster of its own with one primary; add standbys to it. Throws when the server does not come up. */
export function startPrimary(options: PrimaryOptions): Promise<PostgresServer> {
  return PostgresServer.startPrimary(options);
}
