import assert from 'node:assert/strict';
import { test } from 'node:test';
import { waitUntil } from '@slotcast/testkit';
import { confirmAll } from './support/fault-scene.ts';
import { position, Scene } from './support/scene.ts';

const NAMES = Array.from({ length: 6 }, (_, index) => `app${index}`);
/** Whether the frozen one looks at the server before it reads on is not certain. */
const TIMES = 3;

test('a consumer that was frozen drops no slot that its successor has moved', {
  timeout: 240_000,
}, async () => {
  await using scene = await Scene.start({ major: 18 });
  const { primary } = scene;
  const standby = scene.standby();
  await (await scene.service('publisher', primary)).ready();
  let consumer = await (await scene.service('consumer', standby)).ready();
  for (const name of NAMES) {
    await scene.createSlot(name);
  }
  for (const name of NAMES) {
    await scene.untilReady(name);
  }
  for (let time = 0; time < TIMES; time += 1) {
    const frozen = consumer.process;
    frozen.signal('SIGSTOP');
    consumer = await (await scene.service('consumer', standby)).ready();
    await confirmAll(primary, NAMES);
    for (const name of NAMES) {
      await scene.untilEqual(name);
    }
    frozen.signal('SIGCONT');
    await waitUntil(() => !frozen.isRunning, { describe: 'the frozen consumer to see its successor' });
    for (const name of NAMES) {
      assert.equal(await position(standby, name), await position(primary, name), name);
    }
  }
});
