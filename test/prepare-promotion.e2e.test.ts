import assert from 'node:assert/strict';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { parseLsn } from '@slotcast/domain';
import { freePort, type PostgresServer } from '@slotcast/testkit';
import { type CommandResult, runCommand } from './support/command.ts';
import { position, Scene } from './support/scene.ts';
import type { ServiceProcess } from './support/service-process.ts';

const timeout = 240_000;

interface Prepared {
  readonly safe: boolean;
  readonly drained: boolean;
  readonly replay_lsn: string;
  readonly end_of_wal: string;
  readonly slots: readonly { readonly slot: string; readonly risk: string; readonly reason: string }[];
}

/** Runs a command beside a server, with its consumer listening at `listen`. */
function beside(
  scene: Scene,
  server: PostgresServer,
  listen: string,
  args: readonly string[],
): Promise<CommandResult> {
  return runCommand(args, { ...scene.environment(server), SLOTCAST_HTTP_LISTEN: listen });
}

/** The JSON answer; `risk` by slot. */
function read(result: CommandResult): { prepared: Prepared; risks: Record<string, string> } {
  const prepared: Prepared = JSON.parse(result.stdout);
  const risks = Object.fromEntries(prepared.slots.map(({ slot, risk }) => [slot, risk]));
  return { prepared, risks };
}

/** Gives a command to the consumer over HTTP, as a program of its own would. */
function command(scene: Scene, listen: string, path: string, init: RequestInit = {}): Promise<Response> {
  const of = `node=${scene.standby().name}&cluster=${scene.cluster}`;
  return fetch(`http://${listen}/${path}&${of}`, {
    method: 'POST',
    headers: { 'x-slotcast-command': '1' },
    ...init,
  });
}

async function refusesWhatIsWrong(scene: Scene, listen: string): Promise<void> {
  for (const timeout of ['abc', '', '-1', '0', '1e3', 'Infinity', '999999999']) {
    const refused = await command(scene, listen, `prepare-promotion?timeout_ms=${timeout}`);
    assert.equal(refused.status, 400, timeout);
    assert.match(await refused.text(), /SC_USAGE.*timeout_ms/);
  }
  const refused = await command(scene, listen, 'adopt?slot=No!');
  assert.equal(refused.status, 400);
}

/** A request is answered while others wait, and while one of them was given up. */
async function answersBesides(scene: Scene, listen: string, waiting: Promise<unknown>): Promise<void> {
  const impatient = AbortSignal.timeout(100);
  const givenUp = command(scene, listen, 'prepare-promotion?timeout_ms=200000', { signal: impatient });
  await assert.rejects(givenUp);
  const adopting = command(scene, listen, 'adopt?slot=app9').then((response) => response.text());
  assert.match(String(await Promise.race([adopting, waiting])), /SC_ADOPT_REFUSED/);
}

interface Verified {
  readonly verdict: string;
  readonly slots: readonly {
    readonly result: string;
    readonly changes: number | null;
    readonly reasons: readonly { readonly code: string }[];
  }[];
}

/** `slotcast verify` through the running consumer, and what stays of it in `slotcast status`. */
async function provesCopies(scene: Scene, listen: string): Promise<void> {
  const verify = async (...more: string[]): Promise<{ code: number | null; answer: Verified }> => {
    const result = await beside(scene, scene.standby(), listen, ['verify', '--output', 'json', ...more]);
    assert.notEqual(result.stdout, '', result.stderr);
    return { code: result.code, answer: JSON.parse(result.stdout) };
  };
  await scene.primary.query('create table proven as select generate_series(1, 7) as id');
  const { code, answer } = await verify();
  assert.deepEqual([code, answer.verdict, answer.slots.length], [0, 'proven', 1], JSON.stringify(answer));
  assert.equal(answer.slots[0]?.changes, 7);
  const status = await runCommand(['status', '--output', 'json'], scene.environment(scene.standby()));
  const copies: { readonly proof: { readonly changes: number } | null }[] = JSON.parse(status.stdout).slots[0]
    .copies;
  assert.equal(copies[0]?.proof?.changes, 7);
  const unknown = await verify('--slot', 'nobody');
  assert.deepEqual([unknown.code, unknown.answer.slots[0]?.reasons[0]?.code], [1, 'proof_no_copy']);
}

const PREPARE = ['prepare-promotion', '--timeout', '10s', '--output', 'json'];

for (const consumerRuns of [true, false]) {
  describe(`prepare-promotion ${consumerRuns ? 'through the running consumer' : 'where no consumer runs'}`, () => {
    test('applies what is left and says whether a promotion is safe', { timeout }, async () => {
      await using scene = await Scene.start({ major: 18 });
      const { publisher, consumers } = await scene.startServices();
      const consumer = consumers.get('s1');
      assert.ok(consumer);
      await scene.createSlot('app1');
      await scene.untilReady('app1');
      const listen = consumerRuns ? consumer.listen : `127.0.0.1:${await freePort()}`;
      const prepare = (...more: string[]): Promise<CommandResult> =>
        beside(scene, scene.standby(), listen, [...PREPARE, ...more]);
      if (!consumerRuns) {
        await consumer.stop();
      }
      const confirmed = await scene.confirm('app1');
      await scene.untilPositionPublished('app1');
      await scene.primary.waitForReplay(scene.standby());
      const safe = await prepare();
      assert.equal(safe.code, 0, safe.stderr + safe.stdout);
      assert.deepEqual(read(safe).risks, { app1: 'none' });
      assert.equal(await position(scene.standby(), 'app1'), confirmed, 'the last event is applied');

      if (consumerRuns) {
        await provesCopies(scene, listen);
      }
      await scene.standby().pauseReplay();
      const beyond = await scene.confirm('app1');
      await scene.untilPositionPublished('app1');
      await scene
        .standby()
        .waitFor<{ there: boolean }>(
          `select pg_last_wal_receive_lsn() >= '${beyond}'::pg_lsn as there`,
          ([row]) => row?.there === true,
        );
      const waiting = prepare();
      if (consumerRuns) {
        await refusesWhatIsWrong(scene, listen);
        await answersBesides(scene, listen, waiting);
      }
      const unreplayed = await waiting;
      assert.equal(unreplayed.code, 0, 'WAL that is here is replayed by a promotion');
      const { replay_lsn, end_of_wal } = read(unreplayed).prepared;
      assert.ok(parseLsn(replay_lsn) < parseLsn(end_of_wal));
      await scene.standby().resumeReplay();

      await scene.createSlot('app2');
      await scene.untilPublished('app2', 'create');
      const unready = await prepare();
      assert.equal(unready.code, 3, unready.stderr);
      assert.deepEqual(read(unready).risks, { app1: 'none', app2: 'not_ready' });
      assert.equal((await prepare('--force')).code, 0);
      await publisher.stop();
    });
  });
}

test('a subscriber that has confirmed WAL which the standby does not have makes a promotion unsafe, and does not stop it by the policy balanced', {
  timeout,
}, async () => {
  await using scene = await Scene.start({ major: 18 });
  const { consumers } = await scene.startServices();
  await scene.createSlot('app1');
  await scene.untilReady('app1');
  const standby = scene.standby();
  await standby.cutOff();
  const confirmed = await scene.confirm('app1');
  await scene.untilPositionPublished('app1');
  const listen = consumers.get('s1')?.listen ?? '';
  const result = await beside(scene, standby, listen, PREPARE);
  assert.equal(result.code, 3, result.stderr);
  assert.deepEqual(read(result).risks, { app1: 'diverged' });
  assert.ok(parseLsn(confirmed) > parseLsn((await position(standby, 'app1')) ?? ''));
  // The fence is for that, and nobody else has that WAL.
  const balanced = await beside(scene, standby, listen, [...PREPARE, '--policy', 'balanced']);
  assert.equal(balanced.code, 0, balanced.stderr);
  assert.deepEqual(read(balanced).risks, { app1: 'diverged' });
  const text = await beside(scene, standby, listen, ['prepare-promotion', '--timeout', '3s']);
  assert.match(text.stdout, /^unsafe: .*\n(.*\n)*DIVERGED +app1 /);
});

test('on a primary, for another node, or without Kafka it says that it cannot tell, and changes nothing', {
  timeout,
}, async () => {
  await using scene = await Scene.start({ major: 18 });
  const { consumers } = await scene.startServices();
  const onPrimary = await scene.service('consumer', scene.primary);
  await onPrimary.ready();
  for (const listen of [onPrimary.listen, 'off']) {
    const result = await beside(scene, scene.primary, listen, PREPARE);
    assert.equal(result.code, 78);
    assert.match(result.stderr, /is a primary[^]*SC_NOT_A_STANDBY/);
  }
  const other = await beside(scene, scene.primary, listenOf(consumers.get('s1')), PREPARE);
  assert.equal(other.code, 78);
  assert.match(other.stderr, /node s1[^]*SC_OTHER_NODE/);
  const unreachable = await runCommand(PREPARE, {
    ...scene.environment(scene.standby()),
    KAFKA_BOOTSTRAP_SERVERS: `127.0.0.1:${await freePort()}`,
    SLOTCAST_HTTP_LISTEN: 'off',
  });
  assert.equal(unreachable.code, 1);
  assert.match(unreachable.stderr, /SC_KAFKA_UNREACHABLE/);
});

for (const consumerRuns of [true, false]) {
  test(`a foreign slot is adopted ${consumerRuns ? 'by the running consumer' : 'where no consumer runs'} once it is safe`, {
    timeout,
  }, async () => {
    await using scene = await Scene.start({ major: 18 });
    await scene.createSlot('app1');
    await scene.createForeignSlot('app1');
    const { consumers } = await scene.startServices();
    const consumer = consumers.get('s1');
    await scene.records.waitForState('s1', 'app1', 'conflict', { reason: /slotcast adopt/ });
    const listen = consumerRuns ? listenOf(consumer) : 'off';
    if (!consumerRuns) {
      await consumer?.stop();
    }
    const adopt = (slot: string): Promise<CommandResult> =>
      beside(scene, scene.standby(), listen, ['adopt', slot]);
    const early = await adopt('app1');
    assert.equal(early.code, 3, early.stdout);
    assert.match(early.stderr, /changes between would be skipped/);
    await scene.confirm('app1');
    await scene.untilPositionPublished('app1');
    await scene.primary.waitForReplay(scene.standby());
    const missing = await adopt('app9');
    assert.equal(missing.code, 3);
    assert.match(missing.stderr, /there is no slot app9/);
    await scene.records.waitForState('s1', 'app1', 'conflict');
    await withoutNeededWal(scene, 'app1', async () => {
      const lacking = await adopt('app1');
      assert.equal(lacking.code, 3, lacking.stdout);
      assert.match(lacking.stderr, /app1 cannot be decoded from here.*58P01/);
    });
    const adopted = await adopt('app1');
    assert.equal(adopted.code, 0, adopted.stderr);
    if (!consumerRuns) {
      await scene.service('consumer', scene.standby());
    }
    await scene.untilReady('app1');
    await scene.untilEqual('app1');
  });
}

/** Hides the WAL file where decoding would begin from the standby, which works on a later one. */
async function withoutNeededWal(scene: Scene, slot: string, work: () => Promise<void>): Promise<void> {
  const standby = scene.standby();
  await scene.switchWal(1);
  await scene.primary.waitForReplay(standby);
  const [needed] = await standby.query<{ lsn: string; folder: string }>(
    "select restart_lsn::text as lsn, current_setting('data_directory') as folder from pg_replication_slots where slot_name = $1",
    [slot],
  );
  const [segment] = await scene.primary.query<{ name: string }>('select pg_walfile_name($1) as name', [
    needed?.lsn,
  ]);
  assert.ok(needed !== undefined && segment !== undefined);
  const file = join(needed.folder, 'pg_wal', segment.name);
  await rename(file, `${file}.away`);
  try {
    await work();
  } finally {
    await rename(`${file}.away`, file);
  }
}

function listenOf(service: ServiceProcess | undefined): string {
  assert.ok(service);
  return service.listen;
}
