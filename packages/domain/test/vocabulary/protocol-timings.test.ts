import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  HAND_OFF_DRAIN_MS,
  HAND_OFF_FENCE_MS,
  HAND_OFF_GUARD_MS,
  HAND_OFF_LEASE_MS,
  HAND_OFF_PATIENCE_MS,
  HAND_OFF_RECORD_MS,
  HAND_OFF_RETRIES,
  HAND_OFF_RETRY_PAUSE_MS,
  HAND_OFF_SAFETY_MS,
  HEARTBEAT_MS,
  LATE_MS,
  NODE_LATE_MS,
  NODE_RECORD_MS,
  NODE_SILENT_MS,
  NODE_STALE_MS,
  nodeNameLimits,
  POSITIONS_LATE_MS,
  POSITIONS_MS,
  WISH_LIFETIME_MS,
  WISH_REPEAT_MS,
} from '@slotcast/domain';

const options = { timeout: 5_000 };
/** What a record may need to be written and read, with brokers that are busy. */
const ON_THE_WAY_MS = 1_000;

describe('the times that two sides go by', options, () => {
  test('call nobody late who has missed fewer than two turns', () => {
    assert.ok(LATE_MS >= 2 * HEARTBEAT_MS + ON_THE_WAY_MS);
    assert.ok(NODE_LATE_MS >= 2 * NODE_RECORD_MS + ON_THE_WAY_MS);
    assert.ok(POSITIONS_LATE_MS >= POSITIONS_MS + ON_THE_WAY_MS);
    assert.ok(WISH_LIFETIME_MS >= 3 * WISH_REPEAT_MS + ON_THE_WAY_MS);
  });

  test('conclude more only from a longer silence: late, not known any more, not at work', () => {
    assert.ok(NODE_LATE_MS < NODE_STALE_MS);
    assert.ok(NODE_STALE_MS < NODE_SILENT_MS);
    // A primary's record comes with the heartbeat, and is judged by the same limits.
    assert.ok(HEARTBEAT_MS <= NODE_RECORD_MS);
    assert.ok(LATE_MS < NODE_STALE_MS);
  });

  test('give a name away only when who had it has missed two turns at least', () => {
    assert.ok(nodeNameLimits.listenMs.primary >= 2 * HEARTBEAT_MS + ON_THE_WAY_MS);
    assert.ok(nodeNameLimits.listenMs.standby >= 2 * NODE_RECORD_MS + ON_THE_WAY_MS);
    assert.ok(nodeNameLimits.silentMs >= Math.max(...Object.values(nodeNameLimits.listenMs)));
  });

  test('let a consumer finish its hand-off before the publisher does it in its place', () => {
    const retriesMs = HAND_OFF_RETRIES * HAND_OFF_RETRY_PAUSE_MS;
    const guardMs = HAND_OFF_GUARD_MS + HAND_OFF_FENCE_MS;
    const waitsMs = guardMs + HAND_OFF_SAFETY_MS + HAND_OFF_DRAIN_MS + HAND_OFF_PATIENCE_MS + retriesMs;
    assert.ok(waitsMs + ON_THE_WAY_MS <= HAND_OFF_RECORD_MS);
  });

  test('let a consumer begin its first steps without Kafka, whatever its guard had to wait for', () => {
    const firstMs = HAND_OFF_GUARD_MS + HAND_OFF_FENCE_MS + HAND_OFF_SAFETY_MS + ON_THE_WAY_MS;
    assert.ok(firstMs < HAND_OFF_RECORD_MS - HAND_OFF_LEASE_MS);
  });
});
