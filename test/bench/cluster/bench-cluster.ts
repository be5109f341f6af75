import { type PostgresServer, waitUntil } from '@slotcast/testkit';
import { Scene } from '../../support/scene.ts';
import type { ServiceProcess } from '../../support/service-process.ts';
import { type Loads, measureLoads } from '../measure/service-load.ts';
import { createBenchRoles } from './bench-session.ts';
import { ServiceProfiles } from './service-profiles.ts';
import { differing, positionsOf } from './slot-positions.ts';
import { Subscribers } from './subscribers.ts';

/** Room for the temporary slots, those of the background work, and the standbys' own. */
const SLOT_CAPACITY_RESERVE = 100;
const FOLLOW_TIMEOUT_MS = 240_000;
/** Many slots move at a pace that leaves the servers time for everything else. */
const PASS_PAUSE_PER_SLOT_MS = 5;
const SNAPSHOT_INTERVAL_MS = 1000;
const LAST_WORDS = 3000;

/** An advance over running-xacts records costs a save of the slot for each of them at the next advance only. */
const CATCH_UP_PASSES = 6;
const SETTLE_PASSES = 3;
const EQUAL_TIMEOUT_MS = 180_000;

const PLUGIN = 'test_decoding';

/** Where the test kit's servers are quicker or smaller than PostgreSQL's defaults, the defaults are measured. */
const SETTINGS = {
  fsync: 'on',
  shared_buffers: undefined,
  wal_receiver_status_interval: undefined,
  wal_retrieve_retry_interval: undefined,
  max_wal_size: '4GB',
} as const;

/**
 * One durable PostgreSQL 18 primary with two standbys: slotcast keeps the slots on `s1`, PostgreSQL's own slot sync on `native`. Both get
 * the same slots of the same primary at the same time.
 */
export class BenchCluster {
  readonly scene: Scene;
  readonly subscribers: Subscribers;
  readonly native: PostgresServer;
  readonly #profiles: ServiceProfiles | undefined;
  #publisher: ServiceProcess;
  #consumer: ServiceProcess;

  private constructor(
    parts: Pick<BenchCluster, 'scene' | 'subscribers' | 'native' | 'publisher' | 'consumer'>,
    profiles: ServiceProfiles | undefined,
  ) {
    this.scene = parts.scene;
    this.subscribers = parts.subscribers;
    this.native = parts.native;
    this.#publisher = parts.publisher;
    this.#consumer = parts.consumer;
    this.#profiles = profiles;
  }

  /** Starts everything and waits until both services are ready. `slots` is the largest number of slots there will be. */
  static async start(options: { slots: number; profileFolder: string | undefined }): Promise<BenchCluster> {
    const settings = {
      ...SETTINGS,
      max_replication_slots: String(options.slots + SLOT_CAPACITY_RESERVE),
    };
    const scene = await Scene.start({ major: 18, standbys: [], settings });
    try {
      await createBenchRoles(scene.primary);
      const standby = await scene.addStandby('s1', settings);
      const native = await scene.addStandby('native', { ...settings, sync_replication_slots: 'on' });
      const profiles = await ServiceProfiles.into(options.profileFolder);
      const environment = profiles?.environment ?? {};
      const publisher = await scene.service('publisher', scene.primary, environment);
      const consumer = await scene.service('consumer', standby, environment);
      await Promise.all([publisher.ready(), consumer.ready()]);
      const subscribers = await Subscribers.open(scene.primary);
      return new BenchCluster({ scene, subscribers, native, publisher, consumer }, profiles);
    } catch (error) {
      await scene[Symbol.asyncDispose]();
      throw error;
    }
  }

  get primary(): PostgresServer {
    return this.scene.primary;
  }

  get standby(): PostgresServer {
    return this.scene.standby();
  }

  get publisher(): ServiceProcess {
    return this.#publisher;
  }

  get consumer(): ServiceProcess {
    return this.#consumer;
  }

  get servers(): {
    readonly primary: PostgresServer;
    readonly standby: PostgresServer;
    readonly native: PostgresServer;
  } {
    return { primary: this.primary, standby: this.standby, native: this.native };
  }

  /**
   * Creates slots that both ways carry over: the server's own asks for `failover`. All but the first are copies that get it afterwards: each creation
   * would log a running-xacts record, for each of which an advance then saves each slot, so that many slots would be a quadratic price.
   */
  async createSlots(names: readonly string[]): Promise<void> {
    const [first, ...others] = names;
    if (first === undefined) {
      return;
    }
    const text = 'select pg_create_logical_replication_slot($1, $2, false, false, true)';
    await this.primary.query(text, [first, PLUGIN]);
    if (others.length > 0) {
      await this.copySlots(first, others);
      await this.subscribers.carryOver(others);
    }
  }

  /** Makes many slots at once, as copies of one that stands. They are without `failover`, which a copy loses. */
  async copySlots(source: string, names: readonly string[]): Promise<void> {
    await this.primary.query(
      'select count(pg_copy_logical_replication_slot($1, name)) from unnest($2::name[]) as names (name)',
      [source, [...names]],
    );
  }

  /** Drops all logical slots of the primary, and waits until slotcast has dropped them on its standby. */
  async dropSlots(): Promise<void> {
    await this.primary.query(
      "select count(pg_drop_replication_slot(slot_name)) from pg_replication_slots where slot_type = 'logical'",
    );
    await this.standby.waitFor<{ left: number }>(
      `select count(*)::int as left from pg_replication_slots
        where slot_type = 'logical' and not temporary and slot_name not like 'slotcast%'`,
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
          await this.subscribers.logSnapshot();
          snapshotAt = performance.now();
        }
        // For slotcast a confirmation is enough; PostgreSQL waits for restart_lsn, too.
        await (options.native ? this.subscribers.decodeAll() : this.subscribers.move(names));
        const ready = this.countReady(names);
        const synced = options.native ? await this.countSynced(names) : names.length;
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
      await this.catchUp();
    }
  }

  /**
   * Moves all slots until they stand everywhere where they stand on the primary. PostgreSQL's own sync leaves a slot alone whose copy needs less WAL than the
   * slot, until that has come as far; while nothing is written it takes another record for that.
   */
  async catchUp(): Promise<void> {
    for (let left = CATCH_UP_PASSES; ; left -= 1) {
      await this.subscribers.decodeAll();
      try {
        await this.untilEqual({ native: true, timeoutMs: EQUAL_TIMEOUT_MS / CATCH_UP_PASSES });
        return;
      } catch (error) {
        if (left === 1) {
          throw error;
        }
        await this.subscribers.logSnapshot();
      }
    }
  }

  /** Waits until every slot stands on the standbys where it stands on the primary; returns the seconds that took. */
  async untilEqual(options: { native: boolean; timeoutMs?: number }): Promise<number> {
    const startedAt = performance.now();
    const standbys = options.native ? [this.standby, this.native] : [this.standby];
    let behind: string[] = [];
    await waitUntil(
      async () => {
        const there = await positionsOf(this.primary);
        const differences = await Promise.all(standbys.map((standby) => differing(standby, there)));
        behind = differences.flat();
        return behind.length === 0;
      },
      {
        timeoutMs: options.timeoutMs ?? EQUAL_TIMEOUT_MS,
        intervalMs: 250,
        describe: () => `${behind.length} slots to stand where they stand on the primary: ${behind[0]}`,
      },
    );
    return (performance.now() - startedAt) / 1000;
  }

  countReady(names: readonly string[]): number {
    return names.filter((name) => this.scene.records.slot('s1', name)?.state === 'ready').length;
  }

  async countSynced(names: readonly string[]): Promise<number> {
    const [row] = await this.native.query<{ synced: number }>(
      `select count(*)::int as synced from pg_replication_slots
        where synced and not temporary and invalidation_reason is null and slot_name = any($1)`,
      [[...names]],
    );
    return row?.synced ?? 0;
  }

  async stopService(name: 'publisher' | 'consumer'): Promise<void> {
    await this[name].stop();
  }

  /** Starts a service that was stopped, and returns it before it is ready. */
  async startService(name: 'publisher' | 'consumer'): Promise<ServiceProcess> {
    const server = name === 'publisher' ? this.primary : this.standby;
    const service = await this.scene.service(name, server, this.#profiles?.environment ?? {});
    if (name === 'publisher') {
      this.#publisher = service;
    } else {
      this.#consumer = service;
    }
    return service;
  }

  /** The end of what each service logged. */
  async lastWords(): Promise<string> {
    const logs = await Promise.all([this.publisher, this.consumer].map((service) => service.process.log()));
    return logs.map((log) => log.slice(-LAST_WORDS)).join('\n');
  }

  /** Measures what both services and all servers take until `window` is over. */
  async measureLoads(window: Promise<unknown>): Promise<Loads> {
    const { publisher, consumer, servers } = this;
    this.#profiles?.toggle(this);
    const loads = await measureLoads({ publisher, consumer, servers }, window);
    this.#profiles?.toggle(this);
    await this.#profiles?.saveMetrics(this);
    return loads;
  }

  /** Ends everything; in order when the services have profiles to write. */
  async close(): Promise<void> {
    if (this.#profiles !== undefined) {
      await Promise.allSettled([this.publisher.stop(), this.consumer.stop()]);
    }
    await this.subscribers.close();
    await this.scene[Symbol.asyncDispose]();
  }
}
