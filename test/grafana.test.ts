import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { consumerMetrics, publisherMetrics } from '@slotcast/observability';
import { fields, lacks, list, read, succeed } from './support/deploy-files.ts';
import { checkExpression, metricsOf } from './support/metric-names.ts';

const options = { timeout: 30_000 };

const parsed: unknown = JSON.parse(read('deploy/grafana/slotcast.json'));
const dashboard = fields(parsed);
const variables = list(fields(dashboard.get('templating')).get('list')).map(fields);
const panels = list(dashboard.get('panels')).map(fields);
const shown = panels.filter((panel) => panel.get('type') !== 'row');
const targets = shown.flatMap((panel) =>
  list(panel.get('targets'))
    .map(fields)
    .map((target) => ({ title: String(panel.get('title')), expression: String(target.get('expr')), target })),
);

describe('the Grafana dashboard', options, () => {
  test('has a panel for each of its subjects', () => {
    const rows = panels.filter((panel) => panel.get('type') === 'row').map((panel) => panel.get('title'));
    assert.deepEqual(rows, [
      'Overview',
      'Protection',
      'Lag',
      'Publisher',
      'Consumers',
      'Promotion',
      'Canary',
      'Processes',
    ]);
    assert.equal(new Set(panels.map((panel) => panel.get('id'))).size, panels.length);
    assert.ok(targets.length >= shown.length);
  });

  test('takes data source and cluster from variables', () => {
    assert.deepEqual(
      variables.map((variable) => [variable.get('name'), variable.get('type')]),
      [
        ['datasource', 'datasource'],
        ['cluster', 'query'],
      ],
    );
    for (const { title, expression, target } of targets) {
      assert.equal(fields(target.get('datasource')).get('uid'), `\${datasource}`, title);
      assert.match(expression, /slotcast_build_info\{cluster="\$cluster"\}/, title);
    }
  });

  test('names only metrics, labels and states that exist', () => {
    for (const { title, expression } of targets) {
      checkExpression(expression, title);
    }
  });

  test('shows each metric of the services, or has a reason not to', () => {
    const seen = new Set(
      targets.flatMap(({ expression }) => metricsOf(expression).map((name) => name.replace(/_bucket$/, ''))),
    );
    const unseen = [...Object.values(publisherMetrics), ...Object.values(consumerMetrics)]
      .map((row) => row.name)
      .filter((name) => !seen.has(name));
    assert.deepEqual(unseen, [
      // What it says is said by the heartbeat's age.
      'slotcast_publisher_last_publish_timestamp_seconds',
      // For an alert, which is there as long as there are two.
      'slotcast_publisher_rival_primaries',
      // For an alert; what came of it is shown with the promotion.
      'slotcast_publisher_subscribers_ahead',
      // For an alert; the failures tell.
      'slotcast_publisher_canary_enabled',
      'slotcast_publisher_canary_up',
      // A position, of use only to compare with the topic.
      'slotcast_consumer_applied_offset',
      // For alerts, where SLOTCAST_VERIFY_INTERVAL is set; a proof is a matter of one slot, which status shows.
      'slotcast_consumer_slot_proof_timestamp_seconds',
      'slotcast_consumer_proofs_total',
      // For an alert; the lag is what one looks at.
      'slotcast_consumer_canary_timestamp_seconds',
    ]);
  });

  test('has no two panels in one place', () => {
    const places = panels.map((panel) => {
      const { x, y, w, h } = Object.fromEntries(fields(panel.get('gridPos')));
      return { x: Number(x), y: Number(y), w: Number(w), h: Number(h) };
    });
    for (const [index, one] of places.entries()) {
      assert.ok(one.x + one.w <= 24);
      for (const other of places.slice(index + 1)) {
        const apart =
          one.x + one.w <= other.x ||
          other.x + other.w <= one.x ||
          one.y + one.h <= other.y ||
          other.y + other.h <= one.y;
        assert.ok(apart, JSON.stringify([one, other]));
      }
    }
  });

  test('has expressions that Prometheus can read', { skip: lacks('promtool') }, () => {
    const rules = targets.map(({ expression }, index) => ({
      record: `panel:${index}`,
      expr: expression.replaceAll('$__rate_interval', '5m').replaceAll('$cluster', 'shop'),
    }));
    const folder = mkdtempSync(join(tmpdir(), 'grafana-'));
    try {
      const file = join(folder, 'rules.json');
      writeFileSync(file, JSON.stringify({ groups: [{ name: 'dashboard', rules }] }));
      succeed('promtool', ['check', 'rules', file]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
