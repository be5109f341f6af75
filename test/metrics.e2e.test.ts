import assert from 'node:assert/strict';
import { test } from 'node:test';
import { waitUntil } from '@slotcast/testkit';
import { Scene } from './support/scene.ts';
import type { ServiceProcess } from './support/service-process.ts';

const timeout = 240_000;

/** Metrics that say what is so on a standby that follows the topic. */
const onlyWhileFollowing =
  /^slotcast_consumer_(slot_state|slot_lag_bytes|publisher_heartbeat_age_seconds|topic_alarm|waiting_events)\b/;

async function sample(service: ServiceProcess, pattern: RegExp): Promise<string[]> {
  const { body } = (await service.get('/metrics')) ?? { body: '' };
  return body.split('\n').filter((line) => pattern.test(line));
}

test('a consumer shows no slot as ready once its server was promoted', { timeout }, async () => {
  await using scene = await Scene.start({ major: 18 });
  const { consumers } = await scene.startServices();
  const consumer = consumers.get('s1');
  assert.ok(consumer !== undefined);
  await scene.createSlot('app1');
  await scene.untilReady('app1');
  const ready = /^slotcast_consumer_slot_state\{.*slot_name="app1".*state="ready".*\} 1$/;
  await waitUntil(async () => (await sample(consumer, ready)).length === 1, {
    describe: 'the metric of the ready slot',
  });
  assert.ok((await sample(consumer, onlyWhileFollowing)).length > 10);

  await scene.standby().promote();
  await waitUntil(async () => (await consumer.get('/readyz'))?.body.includes('asleep') === true, {
    describe: 'the consumer of the promoted server to sleep',
  });
  assert.deepEqual(await sample(consumer, onlyWhileFollowing), []);
});
