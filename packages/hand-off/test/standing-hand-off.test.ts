import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HAND_OFF_DRAIN_MS } from '@slotcast/domain';
import { StandingHandOff } from '@slotcast/hand-off';

const options = { timeout: 5000 };
const primary = { serverStartedAt: 7, inRecovery: false };

test('writers are let in on a primary whose hand-off is on record, and on no other server', options, () => {
  const standing = new StandingHandOff({ monotonicMs: () => 0 });
  assert.equal(standing.judge(primary).fenced, false);
  standing.recorded(primary);
  assert.equal(standing.judge(primary).fenced, true);
  assert.equal(standing.judge({ ...primary, inRecovery: true }).fenced, false);
  assert.equal(standing.judge({ ...primary, serverStartedAt: 8 }).fenced, false);
  assert.equal(standing.judge(undefined).fenced, false);
});

test('without Kafka they are let in once the topic has had its time to answer', options, () => {
  let now = 1000;
  const standing = new StandingHandOff({ monotonicMs: () => now });
  standing.doneHere(primary);
  assert.equal(standing.judge(primary).fenced, false);
  now += HAND_OFF_DRAIN_MS;
  assert.equal(standing.judge(primary).fenced, true);
  assert.equal(standing.judge({ ...primary, serverStartedAt: 8 }).fenced, false);
});
