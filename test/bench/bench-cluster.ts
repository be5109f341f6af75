import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type PostgresServer, waitUntil } from '@slotcast/testkit';
import { Scene } from '../support/scene.ts';
import type { ServiceProcess } from '../support/service-process.ts';
import { measureLoad, type ServiceLoad } from './service-load.ts';
import { SlotMover } from './slot-mover.ts';

/** Room for a thousand slots, the temporary ones, and the standbys' own. */
const SLOT_CAPACITY_RESERVE = 100;
const FOLLOW_TIMEOUT_MS = 180_000;
/** Many slots move at a pace that leaves the servers time for everything else. */
const PASS_PAUSE_PER_SLOT_MS = 5;
const SNAPSHOT_INTERVAL_MS = 1000;

const PROFILE_HOOK = new URL('profile-hook.mjs', import.meta.url).href;
const LAST_WORDS = 3000;

/** An advance over running-xacts records costs a save of the slot for each of them at the next advance only. */
const SETTLE_PASSES = 3;
const EQUAL_TIMEOUT_MS = 300_000;

const PLUGIN = 'test_decoding';

/**
 * One durable PostgreSQL 18 primary with two standbys: slotcast keeps the slots on `s1`, PostgreSQL's own slot sync on `native`. Both get
 * the same slots of the same primary at the same time.
 */
export class BenchCluster {
  readonly scene: Scene;
  readonly mover: SlotMover;
  readonly native: PostgresServer;
  readonly publisher: ServiceProcess;
  readonly consumer: ServiceProcess;
  readonly #profileFolder: string | undefined;
  #windows = 0;

  private constructor(
    parts: Pick<BenchCluster, 'scene' | 'mover' | 'native' | 'publisher' | 'consumer'>,
    profileFolder: string | undefined,
  ) {
    this.scene = parts.scene;
    this.mover = parts.mover;
    this.native = parts.native;
    this.publisher = parts.publisher;
    this.consumer = parts.consumer;
    this.#profileFolder = profileFolder;
  }

  /** Starts everything and waits until both services are ready. `slots` is the largest number of slots there will be. */
  static async start(options: { slots: number; profileFolder: string | undefined }): Promise<BenchCluster> {
    const capacity = String(options.slots + SLOT_CAPACITY_RESERVE);
    const durable = { fsync: 'on', max_replication_slots: capacity };
    const scene = await Scene.start({ major: 18, standbys: [], settings: durable });
    try {
      const standby = await scene.addStandby('s1', durable);
      const native = await scene.addStandby('native', { ...durable, sync_replication_slots: 'on' });
      const environment = await profiling(options.profileFolder);
      const publisher = await scene.service('publisher', scene.primary, environment);
      const consumer = await scene.service('consumer', standby, environment);
      await Promise.all([publisher.ready(), consumer.ready()]);
      const mover = await SlotMover.open(scene.primary);
      return new BenchCluster({ scene, mover, native, publisher, consumer }, options.profileFolder);
    } catch (error) {
      await scene[Symbol.asyncDispose]();
      throw error;
    }
  }

  get standby(): PostgresServer {
    return this.scene.standby();
  }

  /** Creates slots that both ways carry over: the server's own asks for `failover`. */
  async createSlots(names: readonly string[]): Promise<void> {
    for (const name of names) {
      await this.scene.primary.query(
        'select pg_create_logical_replication_slot($1, $2, false, false, true)',
        [name, PLUGIN],
      );
    }
  }

  /** Makes many slots at once, as copies of one that stands. They are without `failover`, which a copy loses. */
  async copySlots(source: string, names: readonly string[]): Promise<void> {
    await this.scene.primary.query(
      'select count(pg_copy_logical_replication_slot($1, name)) from unnest($2::name[]) as names (name)',
      [source, [...names]],
    );
  }

  /** Drops all logical slots of the primary, and waits until slotcast has dropped them on its standby. */
  async dropSlots(): Promise<void> {
    await this.scene.primary.query(
      "select count(pg_drop_replication_slot(slot_name)) from pg_replication_slots where slot_type = 'logical'",
    );
    await this.standby.waitFor<{ left: number }>(
      "select count(*)::int as left from pg_replication_slots where slot_type = 'logical' and not temporary",
      ([row]) => row?.left === 0,
      FOLLOW_TIMEOUT_MS,
    );
  }

  /** Moves the slots until slotcast reports them all as ready and, if asked, the server's own sync has made them too. */
  async untilFollowed(names: readonly string[], options: { native: boolean }): Promise<void> {
    let snapshotAt = 0;
    let seen = '';
    await waitUntil(
      async () => {
        // Without the record the server's own sync does not make a slot; each one costs every later advance a save of the slot.
        if (options.native && performance.now() - snapshotAt > SNAPSHOT_INTERVAL_MS) {
          await this.mover.logSnapshot();
          snapshotAt = performance.now();
        }
        await this.mover.moveAll();
        const ready = this.countReady(names);
        const synced = options.native ? await this.#countSynced(names) : names.length;
        seen = `${ready} of ${names.length} are ready with slotcast, ${synced} synced by PostgreSQL`;
        return ready === names.length && synced === names.length;
      },
      {
        timeoutMs: FOLLOW_TIMEOUT_MS,
        intervalMs: names.length * PASS_PAUSE_PER_SLOT_MS,
        describe: () => `slots to be kept on the standbys: ${seen}`,
      },
    );
  }

  /** Moves all slots some more and waits for each move, so that what follows does not bear the price of the slots' creation. */
  async settle(): Promise<void> {
    for (let pass = 0; pass < SETTLE_PASSES; pass += 1) {
      await this.mover.moveAll();
      await this.untilEqual({ native: true });
    }
  }

  /** Waits until every slot stands on the standbys where it stands on the primary; returns the seconds that took. */
  async untilEqual(options: { native: boolean }): Promise<number> {
    const startedAt = performance.now();
    const standbys = options.native ? [this.standby, this.native] : [this.standby];
    let behind: string[] = [];
    await waitUntil(
      async () => {
        const there = await positions(this.scene.primary);
        const differences = await Promise.all(standbys.map((standby) => differing(standby, there)));
        behind = differences.flat();
        return behind.length === 0;
      },
      {
        timeoutMs: EQUAL_TIMEOUT_MS,
        intervalMs: 250,
        describe: () => `${behind.length} slots to stand where they stand on the primary: ${behind[0]}`,
      },
    );
    return (performance.now() - startedAt) / 1000;
  }

  countReady(names: readonly string[]): number {
    return names.filter((name) => this.scene.records.slot('s1', name)?.state === 'ready').length;
  }

  /** The end of what each service logged. */
  async lastWords(): Promise<string> {
    const logs = await Promise.all([this.publisher, this.consumer].map((service) => service.process.log()));
    return logs.map((log) => log.slice(-LAST_WORDS)).join('\n');
  }

  /** Measures what both services take until `window` is over. */
  async measureLoads(window: Promise<unknown>): Promise<{ publisher: ServiceLoad; consumer: ServiceLoad }> {
    this.#toggleProfiles();
    const [publisher, consumer] = await Promise.all([
      measureLoad(this.publisher, this.scene.primary, window),
      measureLoad(this.consumer, this.standby, window),
    ]);
    this.#toggleProfiles();
    await this.#saveMetrics();
    return { publisher, consumer };
  }

  /** Ends everything; in order when the services have profiles to write. */
  async close(): Promise<void> {
    if (this.#profileFolder !== undefined) {
      await Promise.all([this.publisher.stop(), this.consumer.stop()]);
    }
    await this.mover.close();
    await this.scene[Symbol.asyncDispose]();
  }

  /** Keeps what the services count of themselves beside the profiles of the same window. */
  async #saveMetrics(): Promise<void> {
    if (this.#profileFolder === undefined) {
      return;
    }
    this.#windows += 1;
    for (const [name, service] of Object.entries({ publisher: this.publisher, consumer: this.consumer })) {
      const file = `${name}-${service.process.pid}-${this.#windows}.metrics.txt`;
      await writeFile(join(this.#profileFolder, file), (await service.get('/metrics'))?.body ?? '');
    }
  }

  #toggleProfiles(): void {
    if (this.#profileFolder !== undefined) {
      this.publisher.process.signal('SIGUSR2');
      this.consumer.process.signal('SIGUSR2');
    }
  }

  async #countSynced(names: readonly string[]): Promise<number> {
    const [row] = await this.native.query<{ synced: number }>(
      `select count(*)::int as synced from pg_replication_slots
        where synced and not temporary and invalidation_reason is null and slot_name = any($1)`,
      [[...names]],
    );
    return row?.synced ?? 0;
  }
}

async function profiling(folder: string | undefined): Promise<Record<string, string>> {
  if (folder === undefined) {
    return {};
  }
  const path = resolve(folder);
  await mkdir(path, { recursive: true });
  return { NODE_OPTIONS: `--import ${PROFILE_HOOK}`, SLOTCAST_TEST_PROFILE_FOLDER: path };
}

/** Where each logical slot of a server stands. */
async function positions(server: PostgresServer): Promise<ReadonlyMap<string, string>> {
  const rows = await server.query<{ slot_name: string; position: string }>(
    `select slot_name, confirmed_flush_lsn::text as position from pg_replication_slots
      where slot_type = 'logical' and not temporary`,
  );
  return new Map(rows.map((row) => [row.slot_name, row.position]));
}

/** The slots that stand elsewhere on this server, or not at all. */
async function differing(server: PostgresServer, there: ReadonlyMap<string, string>): Promise<string[]> {
  const here = await positions(server);
  return [...there]
    .filter(([name, position]) => here.get(name) !== position)
    .map(([name]) => `${name} on ${server.name}`);
}
