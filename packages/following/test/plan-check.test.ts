import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  lsn,
  type Plan,
  type PlanInput,
  parseSystemIdentifier,
  type SlotAction,
  timeline,
} from '@slotcast/domain';
import { PlanCheck } from '@slotcast/following';
import { createConsumerMetrics, createLogger } from '@slotcast/observability';
import { APP, factsOf, NODE } from './restart/restart-scene.ts';

const HERE = lsn(0x1000n);
const { view, desired } = factsOf(HERE, HERE);
const incarnation = { epoch: 1, seq: 1 };

/** A standby with one sound copy. */
const input: PlanInput = {
  desired,
  furthest: new Map([[APP, HERE]]),
  manifest: {
    kind: 'manifest',
    node: 'primary',
    timeline: timeline(1),
    timelineNode: 'primary',
    history: { timeline: timeline(1), ancestors: [] },
    systemIdentifier: parseSystemIdentifier('7300000000000000001'),
    instance: 'one',
    lineage: 'lineage',
    epoch: 1,
    seq: 1,
    lsn: HERE,
    time: 0,
    slots: [{ name: APP, incarnation }],
  },
  waiting: new Map(),
  replayLsn: HERE,
  endOfWal: HERE,
  limits: {},
  local: view.slots,
  ownership: new Map([[APP, { incarnation, lineage: 'lineage', proven: true, highestLsn: HERE }]]),
  probes: new Map(),
  held: new Map(),
  unproven: new Map(),
  rhythms: new Map(),
  pin: { hotStandbyFeedback: true, primarySlotName: 's1', links: [] },
  making: { kind: 'none' },
  anchored: false,
  maxReplicationSlots: 10,
  syncReplicationSlots: false,
  unloadable: new Map(),
  heartbeatAgeMs: 0,
  policy: {
    wanted: () => true,
    filter: { text: 'name_like:%', confirmed: true },
    dropExtraSlots: true,
    onConflict: 'report',
    allowedPlugins: ['test_decoding'],
    limits: { maxLagBytes: 1n, maxLagMs: 1, heartbeatStaleMs: 1 },
    advanceStepBytes: 1n,
  },
  now: 0,
};

function planOf(action?: SlotAction): Plan {
  const verdicts = [{ slot: APP, state: 'ready', reasons: [], action } as const];
  return { verdicts, idleProbes: [], idleLeaders: [], idleAnchor: false };
}

const wrong = planOf({ kind: 'drop', slot: APP, reason: 'a fault' });

describe('the check before the steps of a plan', { timeout: 10_000 }, () => {
  const metrics = createConsumerMetrics({ version: '0', node: NODE, cluster: 'c' });
  const check = new PlanCheck({ metrics, logger: createLogger({ level: 'silent', fields: {} }) });
  const counted = async (): Promise<number | undefined> =>
    (await metrics.invariantViolationsTotal.get()).values[0]?.value;

  test('takes out a step that breaks a rule, and counts it once while it lasts', async () => {
    for (let round = 0; round < 3; round += 1) {
      const [verdict] = check.pass(wrong, input).verdicts;
      assert.deepEqual([verdict?.state, verdict?.action], ['blocked', undefined]);
    }
    assert.equal(await counted(), 1);
  });

  test('counts it again when it comes back', async () => {
    const calm = planOf();
    assert.equal(check.pass(calm, input), calm);
    check.pass(wrong, input);
    assert.equal(await counted(), 2);
  });
});
