import assert from 'node:assert/strict';
import { test } from 'node:test';
import { waitUntil } from '@slotcast/testkit';
import { type CommandResult, runCommand } from './support/command.ts';
import { refusal } from './support/refusal.ts';
import { position, Scene } from './support/scene.ts';
import type { ServiceProcess } from './support/service-process.ts';
import { recreateTopic } from './support/topics.ts';

const timeout = 240_000;

/** Waits until a service is not ready, for a reason that matches. */
async function unready(service: ServiceProcess, reason: RegExp): Promise<void> {
  let last = '';
  await waitUntil(
    async () => {
      const answer = await service.get('/readyz');
      last = answer?.body ?? last;
      return answer?.status === 503 && reason.test(answer.body);
    },
    { describe: () => `a service that is not ready because of ${String(reason)} (${last})` },
  );
}

test('a topic that was emptied is an alarm: no slot is dropped, and none is forgotten', {
  timeout,
}, async () => {
  await using scene = await Scene.start({ major: 18 });
  const { publisher, consumers } = await scene.startServices();
  await scene.createSlot('app1');
  await scene.untilReady('app1');
  await publisher.stop();
  await consumers.get('s1')?.stop();
  const before = await position(scene.standby(), 'app1');
  const written = scene.records.node('s1')?.time ?? 0;
  await recreateTopic(scene.log, scene.bootstrapServers, scene.topics.slots);

  const consumer = await scene.service('consumer', scene.standby());
  await unready(consumer, /no manifest/);
  await waitUntil(() => (scene.records.node('s1')?.time ?? 0) > written, {
    describe: 'a record of the node',
  });
  assert.equal(await position(scene.standby(), 'app1'), before);
  assert.notEqual(scene.records.slot('s1', 'app1')?.ownership, undefined);

  await scene.service('publisher', scene.primary);
  await consumer.ready();
  await scene.untilReady('app1');
  await scene.untilEqual('app1');
});

test('of two standbys that were promoted independently one publishes, the other refuses, and consumers do nothing', {
  timeout,
}, async () => {
  await using scene = await Scene.start({ major: 18, standbys: ['s1', 's2', 's3'] });
  const { publisher } = await scene.startServices();
  await scene.createSlot('app1');
  await scene.untilReady('app1');
  await scene.untilReady('app1', { node: 's2' });
  await scene.untilReady('app1', { node: 's3' });
  await scene.primary.kill();
  await publisher.kill();

  await scene.standby('s1').promote();
  const first = await scene.service('publisher', scene.standby('s1'));
  await waitUntil(async () => (await first.get('/readyz'))?.body.includes('publishing') === true, {
    describe: 'the publisher of s1',
  });
  const stayed = await runCommand(['prepare-promotion', '--timeout', '10s'], {
    ...scene.environment(scene.standby('s3')),
    SLOTCAST_HTTP_LISTEN: 'off',
  });
  assert.equal(stayed.code, 3, stayed.stderr);
  assert.match(
    stayed.stdout,
    /^unsafe: the topic is on timeline 2 of node s1, and this standby follows timeline 1/,
  );

  await scene.standby('s3').follow(scene.standby('s1'));
  await scene.standby('s2').promote();
  const second = await scene.service('publisher', scene.standby('s2'));
  assert.deepEqual(await refusal(second), { exitCode: 78, code: 'SC_SPLIT_BRAIN' });
  assert.match(await second.process.log(), /node s2.*node s1|node s1.*node s2/);

  const third = await scene.service('consumer', scene.standby('s3'));
  await unready(third, /split brain.*s1.*s2/);
  const before = await position(scene.standby('s3'), 'app1');
  await scene.confirm('app1', { server: scene.standby('s1') });
  await scene.untilPositionPublished('app1', scene.standby('s1'));
  assert.equal(await position(scene.standby('s3'), 'app1'), before);

  const command = (args: readonly string[]): Promise<CommandResult> =>
    runCommand(args, {
      ...scene.environment(scene.standby('s3')),
      SLOTCAST_HTTP_LISTEN: third.listen,
    });
  const status = await command(['status']);
  assert.equal(status.code, 3, status.stderr);
  assert.match(status.stdout, /^Split brain: timeline 2 was born on node s1, and node s2 /);
  assert.match(status.stdout, /s3 is unfit: it has a consumer that does nothing to its slots/);
  const prepared = await command(['prepare-promotion', '--timeout', '1s']);
  assert.equal(prepared.code, 3, prepared.stderr);
  assert.match(prepared.stdout, /^unsafe: split brain: .*s1.*s2/);

  await scene.standby('s2').recloneFrom(scene.standby('s1'));
  await third.ready();
  await waitUntil(async () => (await position(scene.standby('s3'), 'app1')) !== before, {
    describe: 'the slot on s3 to move on',
  });
});
