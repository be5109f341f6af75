import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { formatLsn, type SlotOperation } from '@slotcast/domain';
import { createKafkaLog, type EventLog, requiredTopicConfig, topicNames } from '@slotcast/event-log';
import { type Codec, createCodec } from '@slotcast/event-schema';
import {
  type PostgresMajor,
  type PostgresServer,
  type PostgresSettings,
  sharedKafka,
  startPrimary,
  uniqueName,
  waitUntil,
} from '@slotcast/testkit';
import { NodeRecords, whyOf } from './node-records.ts';
import { type ServiceName, ServiceProcess } from './service-process.ts';

export const ROLE = 'slotcast';

export interface SceneOptions {
  readonly major: PostgresMajor;
  /** Names of standbys of the primary. */
  readonly standbys?: readonly string[];
  readonly settings?: PostgresSettings;
  /** Broker to use instead of the shared one. */
  readonly bootstrapServers?: string;
}

/** A cluster of real servers, a topic of its own on a real broker, and slotcast's services as processes. */
export class Scene {
  readonly cluster = uniqueName('c');
  readonly primary: PostgresServer;
  readonly log: EventLog;
  readonly codec: Codec = createCodec();
  readonly bootstrapServers: string;
  readonly #standbys = new Map<string, PostgresServer>();
  readonly #services: ServiceProcess[] = [];
  #records: NodeRecords | undefined;

  private constructor(primary: PostgresServer, bootstrapServers: string) {
    this.primary = primary;
    this.bootstrapServers = bootstrapServers;
    this.log = createKafkaLog({ brokers: [bootstrapServers], clientId: 'slotcast-test', logger: () => {} });
  }

  static async start(options: SceneOptions): Promise<Scene> {
    const bootstrapServers = options.bootstrapServers ?? (await sharedKafka());
    const primary = await startPrimary({ major: options.major, settings: options.settings ?? {} });
    const scene = new Scene(primary, bootstrapServers);
    try {
      await primary.createRole(ROLE);
      for (const name of options.standbys ?? ['s1']) {
        await scene.addStandby(name);
      }
      await scene.#createTopics();
      return scene;
    } catch (error) {
      await scene[Symbol.asyncDispose]();
      throw error;
    }
  }

  get topics(): { readonly slots: string; readonly nodes: string } {
    return topicNames('slotcast', this.cluster);
  }

  get records(): NodeRecords {
    if (this.#records === undefined) {
      throw new Error('the topics were not created');
    }
    return this.#records;
  }

  async addStandby(name: string, settings: PostgresSettings = {}): Promise<PostgresServer> {
    const standby = await this.primary.addStandby({ name, settings });
    this.#standbys.set(name, standby);
    return standby;
  }

  standby(name = 's1'): PostgresServer {
    const standby = this.#standbys.get(name);
    if (standby === undefined) {
      throw new Error(`no standby ${name}`);
    }
    return standby;
  }

  /** Settings of a service beside this server. */
  environment(server: PostgresServer): Record<string, string> {
    return {
      SLOTCAST_CLUSTER: this.cluster,
      SLOTCAST_NODE: server.name,
      // So that no failover takes longer for it; what it is for shows by then.
      SLOTCAST_DEMOTION_WAIT: '1',
      SLOTCAST_POSTGRES_URL: server.url('postgres', ROLE),
      KAFKA_BOOTSTRAP_SERVERS: this.bootstrapServers,
    };
  }

  async service(
    name: ServiceName,
    server: PostgresServer,
    extra: Readonly<Record<string, string>> = {},
  ): Promise<ServiceProcess> {
    const service = await ServiceProcess.start(name, { ...this.environment(server), ...extra });
    this.#services.push(service);
    return service;
  }

  /** Publisher beside the primary and a consumer beside every standby, all ready. */
  async startServices(): Promise<{
    publisher: ServiceProcess;
    consumers: ReadonlyMap<string, ServiceProcess>;
  }> {
    const publisher = await (await this.service('publisher', this.primary)).ready();
    const consumers = new Map<string, ServiceProcess>();
    for (const [name, standby] of this.#standbys) {
      consumers.set(name, await (await this.service('consumer', standby)).ready());
    }
    return { publisher, consumers };
  }

  async createSlot(
    name: string,
    options: { plugin?: string; database?: string; twoPhase?: boolean } = {},
  ): Promise<void> {
    const { plugin = 'test_decoding', database = 'postgres', twoPhase = false } = options;
    await this.primary.query(
      'select pg_create_logical_replication_slot($1, $2, false, $3)',
      [name, plugin, twoPhase],
      database,
    );
  }

  /** Writes some WAL and moves the slot on a server to its end, as a subscriber that confirms does; returns its position there. */
  async confirm(name: string, options: { server?: PostgresServer; database?: string } = {}): Promise<string> {
    const { server = this.primary, database = 'postgres' } = options;
    await server.query("select pg_logical_emit_message(true, 'test', 'something happened')", [], database);
    await server.query(
      'select pg_replication_slot_advance($1, pg_current_wal_flush_lsn())',
      [name],
      database,
    );
    return (await position(server, name)) ?? 'nothing';
  }

  /** Confirms again and again until the slot is ready on the standby, by a record from after `since` if that is given. */
  async untilReady(
    name: string,
    options: { node?: string; database?: string; since?: number } = {},
  ): Promise<void> {
    const { node = 's1', database = 'postgres', since = 0 } = options;
    await waitUntil(
      async () => {
        await this.confirm(name, { database });
        const record = this.records.slot(node, name);
        return record?.state === 'ready' && record.time > since;
      },
      {
        intervalMs: 100,
        describe: () => `${name} ready on ${node} (${whyOf(this.records.slot(node, name))})`,
      },
    );
  }

  /** Confirms on the primary, or another server, ten times a second until stopped, as a busy consumer does. */
  keepConfirming(
    name: string,
    options: { server?: PostgresServer; database?: string } = {},
  ): { stop(): Promise<void> } {
    let stopped = false;
    const running = (async () => {
      while (!stopped) {
        await this.confirm(name, options);
        await sleep(100);
      }
    })();
    return {
      stop: () => {
        stopped = true;
        return running;
      },
    };
  }

  /** Waits until the slot on the standby stands exactly where it stands on the primary. */
  async untilEqual(name: string, node = 's1'): Promise<void> {
    let seen = '';
    await waitUntil(
      async () => {
        const there = await position(this.primary, name);
        const here = await position(this.standby(node), name);
        seen = `${here} on ${node}, ${there} on the primary`;
        return here === there;
      },
      { describe: () => `slot ${name} equal: ${seen}` },
    );
  }

  /** Publisher and consumer beside a server, as they are deployed. */
  async bothServices(
    server: PostgresServer,
    extra: Readonly<Record<string, string>> = {},
  ): Promise<{ readonly publisher: ServiceProcess; readonly consumer: ServiceProcess }> {
    const publisher = await this.service('publisher', server, extra);
    const consumer = await this.service('consumer', server, extra);
    return { publisher: await publisher.ready(), consumer: await consumer.ready() };
  }

  /** Waits until the newest event of the slot has its present position on the server. */
  async untilPositionPublished(name: string, server: PostgresServer = this.primary): Promise<string> {
    const wanted = await position(server, name);
    const reader = await this.log.read(this.topics.slots, 'beginning');
    const deadline = AbortSignal.timeout(60_000);
    try {
      for (;;) {
        const { records } = await reader.next(deadline);
        const events = await Promise.all(records.map((record) => this.codec.decodeSlotsRecord(record)));
        const seen = events.some(
          (event) =>
            event.kind === 'slot' &&
            event.slot === name &&
            event.state?.confirmedFlushLsn !== undefined &&
            formatLsn(event.state.confirmedFlushLsn) === wanted,
        );
        if (seen && wanted !== undefined) {
          return wanted;
        }
      }
    } finally {
      await reader.close();
    }
  }

  /** Makes a slot on the standby that slotcast knows nothing of; it stands past every slot made on the primary before. */
  async createForeignSlot(name: string, node = 's1'): Promise<void> {
    const standby = this.standby(node);
    await this.primary.waitForReplay(standby);
    const creating = standby.query('select pg_create_logical_replication_slot($1, $2)', [
      name,
      'test_decoding',
    ]);
    await waitUntil(
      async () => {
        await this.primary.query('select pg_log_standby_snapshot()');
        return (await position(standby, name)) !== undefined;
      },
      { intervalMs: 200, describe: () => `the foreign slot ${name}` },
    );
    await creating;
  }

  /** Fills and finishes WAL segments on the primary; returns the position in the new one. */
  async switchWal(segments: number): Promise<string> {
    for (let done = 0; done < segments; done += 1) {
      await this.primary.query("select pg_logical_emit_message(true, 'test', 'fill'), pg_switch_wal()");
    }
    const [row] = await this.primary.query<{ lsn: string }>(
      'select pg_current_wal_insert_lsn()::text as lsn',
    );
    return row?.lsn ?? '';
  }

  /** Confirms on the primary until the slot needs no WAL from before `lsn` any more, which a running-xacts record has to allow. */
  async untilKeepsOnlyFrom(name: string, lsn: string): Promise<void> {
    await waitUntil(
      async () => {
        await this.primary.query('select pg_log_standby_snapshot()');
        await this.confirm(name);
        const [row] = await this.primary.query<{ past: boolean }>(
          'select restart_lsn >= $2::pg_lsn as past from pg_replication_slots where slot_name = $1',
          [name, lsn],
        );
        return row?.past === true;
      },
      { intervalMs: 50, describe: `the restart_lsn of ${name} past ${lsn}` },
    );
  }

  /** Waits until the topic has this kind of event of the slot. */
  async untilPublished(name: string, op: SlotOperation): Promise<void> {
    const reader = await this.log.read(this.topics.slots, 'beginning');
    const deadline = AbortSignal.timeout(60_000);
    try {
      for (;;) {
        const { records } = await reader.next(deadline);
        const events = await Promise.all(records.map((record) => this.codec.decodeSlotsRecord(record)));
        if (events.some((event) => event.kind === 'slot' && event.slot === name && event.op === op)) {
          return;
        }
      }
    } finally {
      await reader.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#services.map((service) => service.kill()));
    await this.#records?.close();
    await this.log.close();
    await this.primary[Symbol.asyncDispose]();
    await this.#assertRoles();
  }

  /** What the services did is what the table of roles allows. */
  async #assertRoles(): Promise<void> {
    for (const service of this.#services) {
      const violations = (await service.process.log())
        .split('\n')
        .filter((line) => line.includes('"role_violation"'));
      assert.deepEqual(violations, []);
    }
  }

  async #createTopics(): Promise<void> {
    for (const topic of Object.values(this.topics)) {
      await this.log.createTopic({
        topic,
        partitions: 1,
        replicationFactor: 1,
        config: requiredTopicConfig(),
      });
    }
    this.#records = await NodeRecords.follow(this.log, this.codec, this.topics.nodes);
  }
}

/** confirmed_flush_lsn of a slot under its real name; `undefined` when there is none. */
export async function position(server: PostgresServer, name: string): Promise<string | undefined> {
  const [row] = await server.query<{ position: string | null }>(
    'select confirmed_flush_lsn::text as position from pg_replication_slots where slot_name = $1',
    [name],
  );
  return row?.position ?? undefined;
}
