import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RoleTracker } from '@slotcast/hand-off';
import { createConsumerMetrics, createLogger } from '@slotcast/observability';

test('shows the phase, and reports what the table lacks without an end to anything', {
  timeout: 10_000,
}, async () => {
  const metrics = createConsumerMetrics({ version: '0', node: 's1', cluster: 'c' });
  const lines: string[] = [];
  const stream = { write: (line: string) => void lines.push(line) };
  const logger = createLogger({ level: 'debug', fields: {}, stream });
  const { report } = new RoleTracker('following', { metrics, logger, onTurn: () => undefined });
  const shown = async (): Promise<unknown> => {
    const metric = await metrics.registry.getSingleMetric('slotcast_node_phase')?.get();
    return metric?.values.map(({ labels }) => labels['phase']);
  };
  const violations = async (): Promise<unknown> => (await metrics.roleViolationsTotal.get()).values[0]?.value;
  assert.deepEqual(await shown(), ['starting']);
  report('standby_seen');
  assert.deepEqual(await shown(), ['joining']);
  assert.equal(await violations(), 0);
  report('claimed');
  assert.deepEqual(await shown(), ['joining']);
  assert.equal(await violations(), 1);
  const told = lines.filter((line) => line.includes('"role_violation":"claimed in joining (unseen, open)"'));
  assert.equal(told.length, 1);
  assert.match(told[0] ?? '', /"level":"error"/);
  report('joined');
  assert.deepEqual(await shown(), ['following']);
});
