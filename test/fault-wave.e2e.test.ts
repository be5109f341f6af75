import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { isLeadingSlot } from '@slotcast/domain';
import { type PostgresServer, waitUntil } from '@slotcast/testkit';
import { assertNothingMissing } from './support/failover.ts';
import type { FaultSide, SeenStep } from './support/fault-gate.ts';
import {
  assertHandedOver,
  confirmAll,
  confirmUntilReady,
  type GatedNode,
  repeatUntil,
  startGated,
  untilReceived,
  untilSettled,
} from './support/fault-scene.ts';
import { type RandomSource, testRounds, testSeed, withSeed } from './support/random-source.ts';
import type { Scene } from './support/scene.ts';
import { createRows, insertRows } from './support/slot-reader.ts';
import { SlotWatch } from './support/slot-watch.ts';

/** A place between two steps of making slots anew. */
interface WavePoint {
  readonly place: string;
  readonly steps: RegExp;
  readonly side: FaultSide;
  readonly since?: RegExp;
  /** So much WAL is written at a time that a new leading slot is made rather than one led. */
  readonly much?: true;
}

const COPIES = /^\s*select slot_name, lsn\s+from pg_copy_logical_replication_slot[^]*slotcast_leader_/;
const STARTS = /pg_create_logical_replication_slot[^]*temporary => true/;
const REMAKES = /look\.obstacle/;
const POINTS: readonly WavePoint[] = [
  {
    place: 'the leading slot was copied',
    steps: COPIES,
    side: 'after',
  },
  {
    place: 'the leading slot was advanced',
    steps: /pg_replication_slot_advance[^]*slotcast_leader_/,
    side: 'after',
  },
  { place: 'it was recorded which slots are made anew', steps: REMAKES, side: 'before' },
  { place: 'a slot is dropped and made', steps: REMAKES, side: 'during' },
  { place: 'a slot was dropped and made', steps: REMAKES, side: 'after' },
  {
    place: 'slots that were made anew are moved',
    steps: /START_REPLICATION SLOT/,
    side: 'before',
    since: REMAKES,
  },
  {
    place: 'it is found where a new leading slot may start',
    steps: STARTS,
    side: 'after',
    much: true,
  },
  {
    place: 'a new leading slot was made',
    steps: COPIES,
    side: 'after',
    since: STARTS,
    much: true,
  },
  {
    place: 'a slot is dropped and made from a new leading slot',
    steps: REMAKES,
    side: 'during',
    since: STARTS,
    much: true,
  },
  {
    place: 'the leading slot is dropped',
    steps: /^\s*select slot\.obstacle, pg_drop_replication_slot[^]*slotcast_leader_/,
    side: 'before',
  },
];
const NAMES = Array.from({ length: 6 }, (_, index) => `app${index}`);
/** Little WAL may be kept, so that slots are made anew as under a heavy load. */
const BUSY = { SLOTCAST_RESTART_GAP: '1 MiB', SLOTCAST_ADVANCE_DUTY: '0.1' };
/** Of 2 kB each: 3 MB, and 100 MB. */
const FEW_ROWS = 1500;
const MANY_ROWS = 50_000;
/** A row that no subscriber has confirmed when the primary dies. */
const UNCONFIRMED = 100_000;
/** The consumer goes on so long after the promotion at most. */
const LATER_MS = 300;
/** A slot of another database than the one that is dropped. */
const OUTSIDE = 'outside';
const seed = testSeed();

/** Writes rows, and WAL that slots have to leave behind, and has subscribers confirm it all. */
class BusySubscribers {
  readonly #primary: PostgresServer;
  readonly #database: string;
  readonly #names: readonly string[];
  #last = 0;

  constructor(primary: PostgresServer, names: readonly string[], database = 'postgres') {
    this.#primary = primary;
    this.#names = names;
    this.#database = database;
  }

  /** The rows that the subscribers have. */
  get confirmed(): ReadonlySet<number> {
    return new Set(Array.from({ length: this.#last }, (_, index) => index + 1));
  }

  async write(rows: number): Promise<void> {
    const [primary, database] = [this.#primary, this.#database];
    const filler = `insert into filler (note) select repeat('x', 2000) from generate_series(1, ${rows})`;
    await insertRows(primary, this.#last + 1, this.#last + 1, database);
    await primary.query(filler, [], database);
    await primary.query('select pg_log_standby_snapshot()');
    await confirmAll(primary, this.#names, database);
    this.#last += 1;
  }

  /** Goes on until the consumer has come to this point, and is held up there while the fault happens. */
  async untilFault(
    node: GatedNode,
    point: WavePoint,
    fault: (step: SeenStep) => Promise<void>,
  ): Promise<void> {
    let met: (() => void) | undefined;
    const begins = new Promise<void>((resolve) => {
      met = resolve;
    });
    const rows = point.much === true ? MANY_ROWS : FEW_ROWS;
    const happened = node.gate('consumer').arm({
      ...point,
      index: 0,
      alone: true,
      fault: async (step) => {
        met?.();
        await writing;
        await fault(step);
      },
    });
    const writing = repeatUntil(begins, () => this.write(rows), { pauseMs: 100, mayFail: false });
    await Promise.all([writing, happened]);
  }
}

async function start(random: RandomSource): Promise<{ readonly scene: Scene; readonly node: GatedNode }> {
  const { scene, node } = await startGated({ major: random.pick([16, 17, 18] as const) }, BUSY);
  await createTables(scene.primary);
  return { scene, node };
}

/** With slots that are ready on the standby. */
async function startReady(
  random: RandomSource,
): Promise<{ readonly scene: Scene; readonly node: GatedNode }> {
  const started = await start(random);
  const { scene } = started;
  for (const name of NAMES) {
    await scene.createSlot(name, { plugin: 'pgoutput' });
  }
  await confirmUntilReady(scene, { primary: scene.primary, nodes: ['s1'], names: NAMES });
  return started;
}

async function createTables(primary: PostgresServer, database = 'postgres'): Promise<void> {
  await createRows(primary, database);
  await primary.query('create table filler (note text)', [], database);
}

async function assertNoLeader(server: PostgresServer): Promise<void> {
  await server.waitFor<{ name: string }>('select slot_name::text as name from pg_replication_slots', (rows) =>
    rows.every(({ name }) => !isLeadingSlot(name)),
  );
}

/** All points come about in a long run, and any in a short one. */
function pointOf(number: number): WavePoint {
  const point = POINTS[number % POINTS.length];
  assert.ok(point);
  return point;
}

/** Kills the primary while the consumer is at this point, promotes the standby, and lets the consumer go on from there. */
async function promoteAt(
  scene: Scene,
  node: GatedNode,
  point: WavePoint,
  random: RandomSource,
): Promise<void> {
  const { primary } = scene;
  const standby = node.server;
  const subscribers = new BusySubscribers(primary, NAMES);
  const laterMs = random.below(LATER_MS);
  await using watch = new SlotWatch({ primary, standby, names: NAMES });
  await subscribers.untilFault(node, point, async () => {
    await insertRows(primary, UNCONFIRMED, UNCONFIRMED + 2);
    await untilReceived(primary, standby);
    await primary.kill();
    await standby.promote();
    await sleep(laterMs);
  });
  assert.deepEqual(await watch.stop(), []);
  await assertHandedOver(scene, standby, { names: NAMES, from: primary.name });
  await assertTakenOver(standby, subscribers.confirmed);
}

/** Checks that no leading slot is left, and that a subscriber of each slot gets all that it does not have. */
async function assertTakenOver(standby: PostgresServer, confirmed: ReadonlySet<number>): Promise<void> {
  await assertNoLeader(standby);
  for (const name of NAMES) {
    await assertNothingMissing(standby, name, { earlier: confirmed });
  }
}

/** Drops the database whose slots are made anew while the consumer is at this point, and lets it go on from there. */
async function dropDatabaseAt(scene: Scene, node: GatedNode, point: WavePoint): Promise<void> {
  const { primary } = scene;
  const standby = node.server;
  const database = 'shop';
  const names = NAMES.map((name) => `${database}_${name}`);
  await primary.query(`create database ${database}`);
  await createTables(primary, database);
  for (const name of names) {
    await scene.createSlot(name, { plugin: 'pgoutput', database });
  }
  await confirmUntilReady(scene, { primary, nodes: [standby.name], names, database });
  await new BusySubscribers(primary, names, database).untilFault(node, point, async () => {
    await primary.query(`drop database ${database}`);
    await primary.waitForReplay(standby);
  });
  await standby.waitFor<{ name: string }>(
    "select slot_name::text as name from pg_replication_slots where slot_type = 'logical'",
    (rows) => rows.every(({ name }) => name === OUTSIDE),
  );
  await scene.confirm(OUTSIDE);
  await untilSettled(scene, [OUTSIDE]);
  await waitUntil(() => names.every((name) => scene.records.slot(standby.name, name) === undefined), {
    describe: 'the slots of the dropped database to be forgotten',
  });
}

/** Freezes the consumer at this point until another one of the node has taken over, and has made slots anew; then both go on. */
async function freezeAt(
  scene: Scene,
  node: GatedNode,
  point: WavePoint,
  subscribers: BusySubscribers,
): Promise<void> {
  const frozen = node.service('consumer').process;
  await subscribers.untilFault(node, point, async () => {
    frozen.signal('SIGSTOP');
    await (await node.startService('consumer')).ready();
    await subscribers.untilFault(node, point, () => Promise.resolve());
    frozen.signal('SIGCONT');
  });
  await frozen.waitForExit();
  await untilSettled(scene, NAMES);
}

for (let round = 0; round < testRounds(); round += 1) {
  const seedHere = seed + round;
  const timeout = 480_000;
  const point = pointOf(seedHere);

  test(`no subscriber misses a row when the standby is promoted while ${point.place} (seed ${seedHere})`, {
    timeout,
  }, async () => {
    await withSeed(seedHere, async (random) => {
      const { scene, node } = await startReady(random);
      await using cluster = scene;
      await using gated = node;
      await promoteAt(cluster, gated, point, random);
    });
  });

  test(`a standby outlives the end of a database whose slots are being made anew (seed ${seedHere})`, {
    timeout,
  }, async (context) => {
    await withSeed(seedHere, async (random) => {
      const { scene, node } = await start(random);
      await using cluster = scene;
      await using gated = node;
      await cluster.createSlot(OUTSIDE);
      await cluster.untilReady(OUTSIDE);
      context.diagnostic(`dropped while ${point.place}`);
      await dropDatabaseAt(cluster, gated, point);
    });
  });

  test(`a consumer that was frozen while it made slots anew does no harm to those of its successor (seed ${seedHere})`, {
    timeout,
  }, async (context) => {
    await withSeed(seedHere, async (random) => {
      const { scene, node } = await startReady(random);
      await using cluster = scene;
      await using gated = node;
      context.diagnostic(`frozen while ${point.place}`);
      await freezeAt(cluster, gated, point, new BusySubscribers(cluster.primary, NAMES));
    });
  });
}
