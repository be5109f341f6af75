import { setTimeout as sleep } from 'node:timers/promises';
import { formatLsn, type Lsn, parseSlotName } from '@slotcast/domain';
import { replayTopic } from '@slotcast/event-log';
import { type PostgresConnection, setFailoverProperty } from '@slotcast/postgres';
import { type PostgresServer, waitUntil } from '@slotcast/testkit';
import { Scene } from '../../support/scene.ts';
import { createBenchRoles, openSession } from '../cluster/bench-session.ts';
import { Subscribers } from '../cluster/subscribers.ts';
import { WriteLoad } from '../cluster/write-load.ts';

const DATABASES = ['postgres', 'second'] as const;
type Database = (typeof DATABASES)[number];

const NODE = 's1';
const SLOT_CAPACITY_RESERVE = 100;
const TIMEOUT_MS = 180_000;
const WAL_PIECE_BYTES = 1_000_000;
/** An advance over running-xacts records costs a save of the slot for each of them at the next advance only. */
const SETTLE_PASSES = 2;

/** A primary with slots in two databases, a standby that has them all ready, and the services beside both. */
export class PromotionStage {
  readonly scene: Scene;
  readonly slots: readonly string[];
  readonly #session: PostgresConnection;
  readonly #subscribers: ReadonlyMap<Database, Subscribers>;
  readonly #failover: boolean;

  private constructor(
    scene: Scene,
    slots: readonly string[],
    on: {
      readonly session: PostgresConnection;
      readonly subscribers: ReadonlyMap<Database, Subscribers>;
      readonly failover: boolean;
    },
  ) {
    this.scene = scene;
    this.slots = slots;
    this.#session = on.session;
    this.#subscribers = on.subscribers;
    this.#failover = on.failover;
  }

  /** Resolves when all slots are ready on the standby and stand where they stand on the primary. */
  static async build(
    slotsPerDatabase: number,
    { failover = false }: { readonly failover?: boolean } = {},
  ): Promise<PromotionStage> {
    const settings = {
      fsync: 'on',
      max_replication_slots: String(slotsPerDatabase * DATABASES.length + SLOT_CAPACITY_RESERVE),
      // A checkpoint logs a running-xacts record, too.
      checkpoint_timeout: '1h',
    };
    const scene = await Scene.start({ major: 18, standbys: [], settings });
    try {
      const standby = await scene.addStandby(NODE, settings);
      await createBenchRoles(scene.primary);
      await scene.primary.query(`create database ${DATABASES[1]}`);
      await scene.bothServices(scene.primary);
      await scene.bothServices(standby);
      const session = await openSession(scene.primary);
      const subscribers = new Map<Database, Subscribers>();
      for (const database of DATABASES) {
        subscribers.set(database, await Subscribers.open(scene.primary, database));
      }
      const slots = await createSlots(scene, slotsPerDatabase);
      if (failover) {
        await markForFailover(scene.primary, slots);
      }
      const stage = new PromotionStage(scene, slots, { session, subscribers, failover });
      await stage.#untilReady();
      return stage;
    } catch (error) {
      await scene[Symbol.asyncDispose]();
      throw error;
    }
  }

  get standby(): PostgresServer {
    return this.scene.standby(NODE);
  }

  /** The hand-off of the standby's promotion, once it is on record. */
  get handOff() {
    return this.scene.records.node(NODE)?.promotion;
  }

  /**
   * Writes this much WAL after a running-xacts record that all slots have passed, and no other such record in it but those that the
   * publisher asks for: with a write load in ordinary transactions, without one as fast as it goes.
   */
  async writeWal(bytes: number, mbPerSecond: number): Promise<void> {
    await this.#stopBackgroundWriter();
    await this.#logSnapshot();
    for (let pass = 0; pass < SETTLE_PASSES; pass += 1) {
      await this.#decodeAll();
      await this.#untilEqual();
    }
    if (mbPerSecond > 0) {
      await this.#writeAtPace(bytes, mbPerSecond);
    } else {
      await this.#writeAtOnce(bytes);
    }
    await this.scene.primary.waitForReplay(this.standby);
  }

  async #writeAtPace(bytes: number, mbPerSecond: number): Promise<void> {
    const load = await WriteLoad.start(this.scene.primary, mbPerSecond);
    await sleep(bytes / 1000 / mbPerSecond);
    await load.stop();
  }

  async #writeAtOnce(bytes: number): Promise<void> {
    const pieces = Math.ceil(bytes / WAL_PIECE_BYTES);
    await this.#onPrimary(
      `select count(pg_logical_emit_message(false, 'bench', repeat(' ', ${WAL_PIECE_BYTES}), true))
         from generate_series(1, ${pieces})`,
    );
  }

  /** Has the subscriber of every slot confirm all WAL that there is. */
  async moveAll(): Promise<void> {
    for (const [database, subscribers] of this.#subscribers) {
      await subscribers.move(this.slots.filter((slot) => slot.startsWith(`bench_${database}_`)));
    }
  }

  /** Waits until the topic has every slot where it stands on the primary, and kills that. Returns where each slot was published. */
  async killPrimary(): Promise<ReadonlyMap<string, Lsn>> {
    const there = await positions(this.#session);
    let published = new Map<string, Lsn>();
    await waitUntil(
      async () => {
        published = await this.#publishedPositions();
        return [...there].every(([slot, position]) => {
          const known = published.get(slot);
          return known !== undefined && formatLsn(known) === position;
        });
      },
      { timeoutMs: TIMEOUT_MS, intervalMs: 50, describe: 'the last positions to be published' },
    );
    await this.scene.primary.waitForReplay(this.standby);
    await this.scene.primary.kill();
    return published;
  }

  /** Throws when a slot of the promoted server does not have the property `failover` that it had on the primary. */
  async assertFailover(session: PostgresConnection): Promise<void> {
    const rows = await session.run<{ slot_name: string }>({
      text: `select slot_name from pg_replication_slots
              where slot_name like 'bench%' and failover is distinct from ${this.#failover}`,
    });
    if (rows.length > 0) {
      throw new Error(`${rows.length} slots have another failover property than before the promotion`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled([...this.#subscribers.values(), this.#session].map((each) => each.close()));
    await this.scene[Symbol.asyncDispose]();
  }

  async #untilReady(): Promise<void> {
    const ready = (): number =>
      this.slots.filter((slot) => this.scene.records.slot(NODE, slot)?.state === 'ready').length;
    await waitUntil(
      async () => {
        await this.moveAll();
        return ready() === this.slots.length;
      },
      {
        timeoutMs: TIMEOUT_MS,
        intervalMs: this.slots.length * 5,
        describe: () => `slots to be ready on the standby: ${ready()} of ${this.slots.length} are`,
      },
    );
  }

  async #untilEqual(): Promise<void> {
    const session = await openSession(this.standby);
    try {
      await waitUntil(
        async () => {
          const there = await positions(this.#session);
          const here = await positions(session);
          return [...there].every(([slot, position]) => here.get(slot) === position);
        },
        {
          timeoutMs: TIMEOUT_MS,
          intervalMs: 250,
          describe: 'the slots to stand where they do on the primary',
        },
      );
    } finally {
      await session.close();
    }
  }

  /** It logs a running-xacts record every 15 s. The server's death ends it, halted or not. */
  async #stopBackgroundWriter(): Promise<void> {
    const [row] = await this.scene.primary.query<{ pid: number }>(
      "select pid from pg_stat_activity where backend_type = 'background writer'",
    );
    if (row === undefined) {
      throw new Error('the primary has no background writer');
    }
    process.kill(row.pid, 'SIGSTOP');
  }

  /** Two databases at a time. */
  async #decodeAll(): Promise<void> {
    await Promise.all([...this.#subscribers.values()].map((subscribers) => subscribers.decodeAll()));
  }

  async #logSnapshot(): Promise<void> {
    await this.#onPrimary('select pg_log_standby_snapshot()');
  }

  async #onPrimary(text: string): Promise<void> {
    await this.#session.run({ text });
  }

  async #publishedPositions(): Promise<Map<string, Lsn>> {
    const { log, codec, topics } = this.scene;
    const published = new Map<string, Lsn>();
    const reader = await replayTopic({
      log,
      topic: topics.slots,
      onRecords: async (records) => {
        for (const record of records) {
          const event = await codec.decodeSlotsRecord(record);
          if (event.kind === 'slot' && event.state?.confirmedFlushLsn !== undefined) {
            published.set(event.slot, event.state.confirmedFlushLsn);
          }
        }
      },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    await reader.close();
    return published;
  }
}

/** One slot by name and its copies in each database. */
async function createSlots(scene: Scene, slotsPerDatabase: number): Promise<readonly string[]> {
  const all: string[] = [];
  for (const database of DATABASES) {
    const [first = '', ...others] = Array.from(
      { length: slotsPerDatabase },
      (_, index) => `bench_${database}_${index + 1}`,
    );
    await scene.createSlot(first, { database });
    await scene.primary.query(
      'select count(pg_copy_logical_replication_slot($1, name)) from unnest($2::name[]) as names (name)',
      [first, others],
      database,
    );
    all.push(first, ...others);
  }
  return all;
}

async function markForFailover(primary: PostgresServer, slots: readonly string[]): Promise<void> {
  for (const database of DATABASES) {
    const session = await openSession(primary, { database, replication: true });
    try {
      for (const slot of slots.filter((name) => name.startsWith(`bench_${database}_`))) {
        await setFailoverProperty(session, parseSlotName(slot));
      }
    } finally {
      await session.close();
    }
  }
}

/** confirmed_flush_lsn of each logical slot, as text. */
export async function positions(
  session: PostgresConnection | undefined,
): Promise<ReadonlyMap<string, string>> {
  const rows = await session?.run<{ slot_name: string; position: string }>({
    name: 'positions',
    text: `select slot_name, confirmed_flush_lsn::text as position from pg_replication_slots
            where slot_type = 'logical' and not temporary`,
  });
  return new Map(rows?.map((row) => [row.slot_name, row.position]));
}
