import assert from 'node:assert/strict';
import { test } from 'node:test';
import { waitUntil } from '@slotcast/testkit';
import { type CommandResult, runCommand } from './support/command.ts';
import { doctor } from './support/doctor.ts';
import { position, Scene } from './support/scene.ts';
import type { ServiceProcess } from './support/service-process.ts';

const timeout = 240_000;

interface Prepared {
  readonly safe: boolean;
  readonly filter: string | null;
  readonly cannot_tell: string | null;
  readonly slots: readonly { readonly slot: string; readonly risk: string; readonly reason: string }[];
}

type Settings = Readonly<Record<string, string>>;

function ask(
  scene: Scene,
  args: readonly string[],
  consumer: ServiceProcess | undefined,
  extra: Settings = {},
): Promise<CommandResult> {
  const listen = { SLOTCAST_HTTP_LISTEN: consumer?.listen ?? 'off' };
  return runCommand(args, { ...scene.environment(scene.standby()), ...listen, ...extra });
}

async function prepare(scene: Scene, consumer: ServiceProcess, extra: Settings = {}, time = '8s') {
  const args = ['prepare-promotion', '--timeout', time, '--output', 'json'];
  const { code, stdout, stderr } = await ask(scene, args, consumer, extra);
  assert.notEqual(stdout, '', stderr);
  const prepared: Prepared = JSON.parse(stdout);
  return { code, ...prepared };
}

test('status and prepare-promotion judge alike: a copy without its pin, a filter in doubt, a publisher that is dead', {
  timeout,
}, async (t) => {
  await using scene = await Scene.start({ major: 18 });
  const { publisher, consumers } = await scene.startServices();
  const standby = scene.standby();
  let consumer = consumers.get('s1');
  assert.ok(consumer);
  for (const slot of ['app1', 'app2']) {
    await scene.createSlot(slot);
    await scene.untilReady(slot);
  }
  const restart = async (settings: Settings): Promise<ServiceProcess> => {
    await consumer?.stop();
    consumer = await scene.service('consumer', standby, settings);
    return consumer;
  };

  await t.test('a filter with a typing error drops nothing, and every answer names it', async () => {
    const typo = { SLOTCAST_SLOTS: 'name_like:ap2%' };
    const misled = await restart(typo);
    await waitUntil(
      async () => {
        const answer = await misled.get('/readyz');
        return answer?.status === 503 && /SLOTCAST_SLOTS=name_like:ap2% selects none/.test(answer.body);
      },
      { describe: () => 'a consumer that is not ready because of its filter' },
    );
    const before = await scene.confirm('app1');
    await waitUntil(async () => (await position(standby, 'app1')) === before, {
      describe: () => 'the copy to follow as before',
    });
    const prepared = await prepare(scene, misled, typo);
    assert.equal(prepared.code, 3);
    assert.match(prepared.filter ?? '', /SLOTCAST_SLOTS=name_like:ap2%/);
    const status = await ask(scene, ['status'], undefined, typo);
    assert.deepEqual([status.code, status.stderr], [3, '']);
    assert.match(status.stdout, /^SLOTCAST_SLOTS=name_like:ap2% selects none .*2: app1, app2/);
    const { exitCode, checks } = await doctor(scene, standby, typo);
    assert.equal(exitCode, 3);
    assert.equal(checks.find(({ check }) => check === 'slot_filter')?.outcome, 'failed');
  });

  await t.test('a filter that is confirmed does what it says', async () => {
    const meant = { SLOTCAST_SLOTS: '!app1,!app2', SLOTCAST_SLOTS_CONFIRM: '!app1,!app2' };
    const confirmed = await (await restart(meant)).ready();
    await waitUntil(async () => (await position(standby, 'app2')) === undefined, {
      describe: () => 'the copies to be dropped',
    });
    assert.equal((await prepare(scene, confirmed, meant)).code, 0);
    assert.equal((await ask(scene, ['status'], undefined, meant)).code, 0);
    await (await restart({})).ready();
    await scene.untilReady('app1');
    await scene.untilReady('app2');
  });

  await t.test(
    'a copy without its pin is at risk while WAL comes, and has survived when none is left',
    async () => {
      assert.ok(consumer);
      await standby.query('alter system set hot_standby_feedback = off');
      await standby.query('select pg_reload_conf()');
      await scene.records.waitForState('s1', 'app1', 'blocked', { reason: /hot_standby_feedback/ });
      await scene.records.waitForState('s1', 'app2', 'blocked');
      const streaming = await prepare(scene, consumer);
      assert.equal(streaming.code, 3);
      assert.deepEqual(
        streaming.slots.map(({ slot, risk }) => [slot, risk]),
        [
          ['app1', 'not_ready'],
          ['app2', 'not_ready'],
        ],
      );
      assert.match(streaming.slots[0]?.reason ?? '', /hot_standby_feedback/);
      assert.equal((await ask(scene, ['status'], undefined)).code, 3);

      await standby.cutOff();
      await waitUntil(() => scene.records.node('s1')?.upstream === undefined, {
        describe: () => 'a record that says that the standby streams from no server',
      });
      const survived = await prepare(scene, consumer);
      assert.equal(survived.code, 0, JSON.stringify(survived));
      const status = await ask(scene, ['status'], undefined);
      assert.equal(status.code, 0, status.stdout);
      assert.match(status.stdout, /s1 streams from no server, and so receives no WAL/);
    },
  );

  await t.test('WAL after the last word of a publisher that is dead: it cannot be told', async () => {
    assert.ok(consumer);
    await standby.query('alter system reset hot_standby_feedback');
    await standby.follow(scene.primary);
    await scene.records.waitForState('s1', 'app1', 'ready');
    await scene.records.waitForState('s1', 'app2', 'ready');
    await publisher.kill();
    await scene.createSlot('unknown');
    await scene.primary.waitForReplay(standby);
    await scene.primary.kill();
    const { code, safe, cannot_tell } = await prepare(scene, consumer, {}, '2s');
    assert.deepEqual([code, safe], [1, false]);
    assert.match(
      cannot_tell ?? '',
      /^[0-9]+ bytes of WAL were received after the last word of the publisher/,
    );
    const text = await ask(scene, ['prepare-promotion', '--timeout', '1s', '--force'], consumer);
    assert.equal(text.code, 0);
    assert.match(text.stdout, /^cannot tell: [0-9]+ bytes of WAL .*, and --force was given: go on\n/);
  });
});
