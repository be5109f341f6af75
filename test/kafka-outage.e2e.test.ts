import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type KafkaServer, startKafka, waitUntil } from '@slotcast/testkit';
import { runCommand } from './support/command.ts';
import { position, Scene } from './support/scene.ts';
import type { ServiceProcess } from './support/service-process.ts';

const timeout = 240_000;

/** Asks the consumer, which has to answer within the time that it is given. */
async function cannotTell(scene: Scene, consumer: ServiceProcess): Promise<void> {
  const { code, stderr } = await runCommand(['prepare-promotion', '--timeout', '1s'], {
    ...scene.environment(scene.standby()),
    SLOTCAST_HTTP_LISTEN: consumer.listen,
  });
  assert.equal(code, 1, stderr);
  assert.match(stderr, /SC_KAFKA_UNREACHABLE/);
}

describe('while Kafka is away', { timeout: 480_000 }, () => {
  let kafka: KafkaServer;
  let scene: Scene;
  let publisher: ServiceProcess;
  let consumer: ServiceProcess;

  before(async () => {
    kafka = await startKafka();
    scene = await Scene.start({ major: 18, bootstrapServers: kafka.bootstrapServers });
    await scene.createSlot('app1');
  });
  after(async () => {
    await scene?.[Symbol.asyncDispose]();
    await kafka?.[Symbol.asyncDispose]();
  });

  test('services that start are alive, not ready, touch nothing, and work as soon as it is there', {
    timeout,
  }, async () => {
    await kafka.kill();
    publisher = await scene.service('publisher', scene.primary);
    consumer = await scene.service('consumer', scene.standby());
    for (const service of [publisher, consumer]) {
      await service.logged('SC_KAFKA_UNREACHABLE');
      assert.equal((await service.get('/livez'))?.status, 200);
      assert.equal((await service.get('/readyz'))?.status, 503);
      assert.ok(service.process.isRunning);
    }
    await cannotTell(scene, consumer);
    assert.equal(await position(scene.standby(), 'app1'), undefined);
    await kafka.start();
    await publisher.ready();
    await consumer.ready();
    await scene.untilReady('app1');
    await scene.untilEqual('app1');
  });

  test('a crash of the broker is survived: slots go on where they were, and changes of that time arrive', {
    timeout,
  }, async () => {
    await kafka.kill();
    await cannotTell(scene, consumer);
    const before = await position(scene.standby(), 'app1');
    const moved = await scene.confirm('app1');
    assert.notEqual(moved, before);
    await scene.createSlot('app2');
    await waitUntil(async () => (await publisher.get('/readyz'))?.status === 503, {
      timeoutMs: 60_000,
      describe: 'a publisher that says that it cannot publish',
    });
    assert.equal((await publisher.get('/livez'))?.status, 200);
    assert.equal((await consumer.get('/livez'))?.status, 200);
    assert.equal(await position(scene.standby(), 'app1'), before, 'nothing is applied that was not heard');

    await kafka.start();
    await scene.untilEqual('app1');
    await publisher.ready();
    await consumer.ready();
    await scene.untilReady('app2');
    await scene.confirm('app1');
    await scene.untilEqual('app1');
    await scene.untilEqual('app2');
    assert.ok(publisher.process.isRunning);
    assert.ok(consumer.process.isRunning);
  });
});
