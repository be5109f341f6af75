import assert from 'node:assert/strict';
import { readinessStates } from '@slotcast/domain';
import { commonMetrics, consumerMetrics, type MetricRow, publisherMetrics } from '@slotcast/observability';

type Row = MetricRow<'gauge' | 'counter' | 'histogram', string>;

const rows: readonly Row[] = [
  ...Object.values(commonMetrics),
  ...Object.values(publisherMetrics),
  ...Object.values(consumerMetrics),
];

/** Names of the series that `/metrics` shows. */
const series: ReadonlySet<string> = new Set(
  rows.flatMap((row) =>
    row.type === 'histogram' ? ['_bucket', '_sum', '_count'].map((end) => row.name + end) : [row.name],
  ),
);

/** Labels that our series have: their own, and those that Prometheus gives them. */
const labels: ReadonlySet<string> = new Set([
  ...rows.flatMap((row) => row.labels),
  'job',
  'instance',
  'service',
  'le',
]);

/** Names of slotcast's metrics in an expression of PromQL. */
export function metricsOf(expression: string): string[] {
  return [...expression.matchAll(/(?<![:\w])slotcast_\w+/g)].map(([name]) => name);
}

/** Fails for a metric, a label or a state in an expression that does not exist, as such an expression is true for ever, or never. */
export function checkExpression(expression: string, where: string): void {
  for (const name of metricsOf(expression)) {
    assert.ok(series.has(name), `${where}: there is no metric ${name}`);
  }
  for (const [, name = '', , value = ''] of expression.matchAll(/(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"/g)) {
    assert.ok(labels.has(name), `${where}: there is no label ${name}`);
    const states = name === 'state' ? value.split('|') : [];
    for (const state of states) {
      assert.ok(new Set<string>(readinessStates).has(state), `${where}: there is no state ${state}`);
    }
  }
  for (const [, names = ''] of expression.matchAll(/\b(?:by|on|group_left)\s*\(([^)]*)\)/g)) {
    for (const name of names.split(',').map((each) => each.trim())) {
      assert.ok(labels.has(name), `${where}: there is no label ${name}`);
    }
  }
}
