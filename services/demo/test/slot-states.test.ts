import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { readPublishingEpoch, readSlotStates } from '@slotcast/demo';
import { createConsumerMetrics, createPublisherMetrics } from '@slotcast/observability';

const BUILD = { version: '0.1.0', node: 'standby1', cluster: 'demo' };

describe('the metrics pages of the services', { timeout: 10_000 }, () => {
  test('tell the one state that each slot is in', async () => {
    const { registry, slotState, slotLagBytes } = createConsumerMetrics(BUILD);
    slotState.set('audit', 'catching_up');
    slotState.set('audit', 'ready');
    slotState.set('billing', 'blocked');
    slotLagBytes.set({ slot_name: 'search', slot_type: 'logical' }, 1);
    const states = readSlotStates(await registry.metrics());
    assert.deepEqual(
      [...states],
      [
        ['audit', 'ready'],
        ['billing', 'blocked'],
      ],
    );
  });

  test('tell the epoch of a publisher only while it publishes', async () => {
    const { registry, epoch, isPublishing } = createPublisherMetrics(BUILD);
    epoch.set(7);
    isPublishing.set(0);
    assert.equal(readPublishingEpoch(await registry.metrics()), undefined);
    isPublishing.set(1);
    assert.equal(readPublishingEpoch(await registry.metrics()), 7);
  });

  test('tell nothing while there are none', () => {
    assert.equal(readSlotStates('').size, 0);
    assert.equal(readPublishingEpoch(''), undefined);
  });
});
