import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { readinessStates } from '@slotcast/domain';
import { createConsumerMetrics } from '@slotcast/observability';

describe('the states of slots on the metrics page', { timeout: 10_000 }, () => {
  const { registry, slotState } = createConsumerMetrics({ version: '0.1.0', node: 's1', cluster: 'c' });
  const lines = async (): Promise<string[]> => {
    const page = await registry.getSingleMetricAsString('slotcast_consumer_slot_state');
    return page.split('\n').filter((line) => !line.startsWith('#'));
  };

  test('there is a time series for each state, with 1 for the one that the slot is in', async () => {
    slotState.set('orders', 'catching_up');
    slotState.set('orders', 'ready');
    assert.deepEqual(
      await lines(),
      readinessStates.map(
        (state) =>
          `slotcast_consumer_slot_state{slot_name="orders",slot_type="logical",state="${state}"} ${state === 'ready' ? 1 : 0}`,
      ),
    );
  });

  test('a slot that is gone has none', async () => {
    slotState.set('billing', 'blocked');
    slotState.remove('orders');
    const left = await lines();
    assert.equal(left.length, readinessStates.length);
    assert.ok(left.every((line) => line.includes('slot_name="billing"')));
  });
});
