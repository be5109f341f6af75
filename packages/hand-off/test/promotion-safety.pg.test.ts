import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type DivergencePolicy,
  FENCE_MARGIN_BYTES,
  type LastWord,
  lsn,
  parseLsn,
  parseSystemIdentifier,
} from '@slotcast/domain';
import {
  type FollowingSession,
  NodeLock,
  type OwnSlots,
  Promotion,
  raiseFenceLate,
} from '@slotcast/hand-off';
import { systemClock } from '@slotcast/kernel';
import { createLogger } from '@slotcast/observability';
import { isPostgresError, type PostgresConnection, readWalEnd, readWalRoom } from '@slotcast/postgres';
import { waitUntil } from '@slotcast/testkit';
import { createSlots, optionsFor, Pair, untilSeen } from './promoted-servers.ts';
import { confirmedAt, knowledgeOfEvents } from './published-slots.ts';

const NAMES = { cluster: 'c', node: 's1' };
const MEGABYTE = 1024n * 1024n;
const { signal } = new AbortController();

/** What a session knew of a slot whose subscriber had confirmed a megabyte that the standby never got. */
async function knownAhead(pair: Pair, word?: LastWord): Promise<FollowingSession> {
  const confirmed = lsn(parseLsn(await pair.primary.currentLsn()) + MEGABYTE);
  const event = confirmedAt('app1', confirmed);
  const knowledge = knowledgeOfEvents([event]);
  const [row] = await pair.standby.query<{ id: string }>(
    'select system_identifier::text as id from pg_control_system()',
  );
  assert.ok(row);
  const systemIdentifier = parseSystemIdentifier(row.id);
  const history = { timeline: event.timeline, ancestors: [] };
  const own: OwnSlots = { ...knowledge, systemIdentifier, history, slotsBefore: undefined, lock: undefined };
  const line = { ...knowledge.publishedOn(history), word };
  return { line: () => line, own: () => own, wake: () => undefined };
}

/** A process of the standby's node whose topics are out of reach. */
class Watcher {
  readonly promotion: Promotion;
  readonly #stop = new AbortController();
  readonly #attending: Promise<void>;

  constructor(pair: Pair, onDivergence: DivergencePolicy) {
    this.promotion = new Promotion({
      ...NAMES,
      version: '0',
      policy: { wanted: () => true },
      onDivergence,
      postgres: optionsFor(pair.standby, { applicationName: 'guard' }),
      logger: createLogger({ level: 'silent', fields: {} }),
      clock: systemClock,
    });
    this.#attending = this.promotion.attend(() => undefined, this.#stop.signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#attending;
  }
}

async function names(pair: Pair): Promise<readonly string[]> {
  const rows = await pair.standby.query<{ slot_name: string }>(
    'select slot_name from pg_replication_slots order by slot_name',
  );
  return rows.map(({ slot_name }) => slot_name);
}

async function isQuarantined(pair: Pair): Promise<boolean> {
  const present = await names(pair);
  return present.includes('app1_diverged');
}

/** Takes all sessions that a role without privileges gets. */
async function connectAll(pair: Pair): Promise<readonly PostgresConnection[]> {
  const crowd: PostgresConnection[] = [];
  for (;;) {
    try {
      crowd.push(await pair.connect());
    } catch (error) {
      assert.equal(isPostgresError(error) && error.code, '53300');
      return crowd;
    }
  }
}

function holdLock(connection: PostgresConnection, purpose: 'node' | 'safe'): Promise<boolean> {
  return new NodeLock(connection, NAMES, purpose).tryTake(signal);
}

test('without Kafka, the slot of a subscriber that is known to be ahead is quarantined as soon as recovery ends', {
  timeout: 180_000,
}, async () => {
  await using pair = await Pair.start(18);
  await createSlots(pair, ['app1']);
  await using watcher = new Watcher(pair, 'quarantine');
  watcher.promotion.follow(await knownAhead(pair));
  await untilSeen(pair.standby);
  assert.match(watcher.promotion.fenced().reason, /standby/);
  await pair.promote();
  await waitUntil(() => isQuarantined(pair), { describe: 'the quarantine' });
  // All but the topic, which has its time to answer before writers are let in.
  await waitUntil(() => /topic is being drained/.test(watcher.promotion.fenced().reason), {
    describe: 'the process to say that the rest is done',
  });
  const connection = await pair.connect();
  try {
    // Whoever is to hand over gets the lock of the node right after that.
    await waitUntil(() => holdLock(connection, 'node'), { describe: 'the lock of the node' });
  } finally {
    await connection.close();
  }
});

test('what must not wait is done also when the server refuses every session for seconds, and has ended that of the watcher', {
  timeout: 180_000,
}, async () => {
  await using pair = await Pair.start(18, { max_connections: '12' });
  await createSlots(pair, ['app1']);
  await using watcher = new Watcher(pair, 'quarantine');
  watcher.promotion.follow(await knownAhead(pair));
  await untilSeen(pair.standby);
  // As when all clients come at once after a failover.
  const crowd = await connectAll(pair);
  try {
    await pair.primary.stop('fast');
    await pair.standby.promote();
    await waitUntil(() => watcher.promotion.ended, { describe: 'the end of recovery' });
    // All that is tried at once has failed by then.
    await systemClock.sleep(3000, signal);
    assert.deepEqual(await names(pair), ['app1']);
    await pair.standby.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'guard'`,
    );
  } finally {
    await Promise.all(crowd.map((connection) => connection.close()));
  }
  await waitUntil(() => isQuarantined(pair), { describe: 'the quarantine' });
});

test('a slot that no fence can cover, as the server refuses to write one, is quarantined', {
  timeout: 180_000,
}, async () => {
  await using pair = await Pair.start(18);
  for (const type of ['text', 'bytea']) {
    await pair.primary.query(
      `revoke execute on function pg_logical_emit_message(boolean, text, ${type}, boolean) from public`,
    );
  }
  await createSlots(pair, ['app1']);
  await using watcher = new Watcher(pair, 'fence');
  watcher.promotion.follow(await knownAhead(pair));
  await untilSeen(pair.standby);
  await pair.promote();
  await waitUntil(() => isQuarantined(pair), { describe: 'the quarantine' });
});

test('a process that does not get the lock of the node acts when the holder has not', {
  timeout: 180_000,
}, async () => {
  await using pair = await Pair.start(18);
  await createSlots(pair, ['app1']);
  await using watcher = new Watcher(pair, 'quarantine');
  watcher.promotion.follow(await knownAhead(pair));
  await untilSeen(pair.standby);
  const frozen = await pair.connect();
  try {
    assert.equal(await holdLock(frozen, 'node'), true);
    await pair.promote();
    await waitUntil(() => isQuarantined(pair), { describe: 'the quarantine' });
  } finally {
    await frozen.close();
  }
});

test('a process that knows less leaves to another one what that has done', { timeout: 180_000 }, async () => {
  await using pair = await Pair.start(18);
  await createSlots(pair, ['app1']);
  await using watcher = new Watcher(pair, 'quarantine');
  watcher.promotion.follow(await knownAhead(pair));
  await untilSeen(pair.standby);
  const other = await pair.connect();
  try {
    assert.equal(await holdLock(other, 'node'), true);
    assert.equal(await holdLock(other, 'safe'), true);
    await pair.promote();
    await waitUntil(() => watcher.promotion.ended, { describe: 'the end of recovery' });
    assert.deepEqual(await names(pair), ['app1']);
  } finally {
    await other.close();
  }
});

test('after a silence the fence is widened, but not beyond what the server is set up to hold', {
  timeout: 180_000,
}, async () => {
  await using pair = await Pair.start(18, { max_wal_size: '160MB' });
  await createSlots(pair, ['app1']);
  await using watcher = new Watcher(pair, 'fence');
  const word = { heardAtMs: systemClock.monotonicMs() - 20_000, bytesPerSecond: 0 };
  watcher.promotion.follow(await knownAhead(pair, word));
  await untilSeen(pair.standby);
  const { replayLsn } = await pair.promote();
  assert.ok(replayLsn !== undefined);
  const connection = await pair.connect();
  try {
    const widened = async (): Promise<boolean> =>
      (await readWalEnd(connection)).insertLsn >= replayLsn + 3n * FENCE_MARGIN_BYTES;
    await waitUntil(widened, { describe: 'a fence beyond the margin' });
    await waitUntil(() => holdLock(connection, 'node'), { describe: 'the end of what must not wait' });
    const { insertLsn } = await readWalEnd(connection);
    assert.ok(insertLsn - replayLsn <= 176n * MEGABYTE, `${insertLsn - replayLsn} bytes`);
    assert.equal((await readWalRoom(connection)) !== undefined, true);
    // What a client says later of its position is no reason to go beyond that, either.
    const { ended } = watcher.promotion;
    const history = ended?.history;
    assert.ok(history !== undefined);
    const late = { connection, history, ended, signal };
    assert.equal(await raiseFenceLate({ ...late, target: lsn(insertLsn + 600n * MEGABYTE) }), undefined);
    const near = lsn((await readWalEnd(connection)).insertLsn + MEGABYTE);
    assert.ok(near < insertLsn + 16n * MEGABYTE, 'it wrote WAL all the same');
    assert.equal((await raiseFenceLate({ ...late, target: near }))?.clean, true);
  } finally {
    await connection.close();
  }
});
